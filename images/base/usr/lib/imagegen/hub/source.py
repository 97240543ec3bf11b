"""Addresses of materials. Some have a secret in them, which nobody is to read: neither on the console, nor in the
journal, nor among the arguments of a program."""

from __future__ import annotations

import base64
import re
import urllib.parse
from typing import NamedTuple

OPENING = re.compile(r"(?<=://)[^\s/?#'\"<>]*@")  # a name and a password before the host
REST = re.compile(r"(://[^\s?#'\"<>]*)[?#][^\s'\"<>]+")
# How git gets name and password: by the variables' names alone.
HELPER = '!answer() { echo "username=$MATERIAL_USER"; echo "password=$MATERIAL_PASSWORD"; }; answer'


def shown(text: str) -> str:
    """A text about addresses, without what may be secret in them."""
    return REST.sub(r"\1?...", OPENING.sub("", text))


class Source(NamedTuple):
    """Where a material is, without name and password; and these."""

    url: str
    user: str
    password: str

    @classmethod
    def of(cls, url: str) -> Source:
        """Takes an address of the workshop apart."""
        parts = urllib.parse.urlsplit(url)
        opening, at, host = parts.netloc.rpartition("@")
        if not at or parts.scheme not in ("http", "https"):
            return cls(url, "", "")
        user, _, password = opening.partition(":")
        clean = parts._replace(netloc=host).geturl()
        return cls(clean, urllib.parse.unquote(user), urllib.parse.unquote(password))

    def headers(self) -> dict[str, str]:
        """What a request shows."""
        if not self.user:
            return {}
        secret = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        return {"Authorization": f"Basic {secret}"}

    def environment(self) -> dict[str, str]:
        """What git needs to answer this host, and no other, that asks who it is."""
        if not self.user:
            return {}
        parts = urllib.parse.urlsplit(self.url)
        git = {"COUNT": "1", "KEY_0": f"credential.{parts.scheme}://{parts.netloc}.helper", "VALUE_0": HELPER}
        own = {"MATERIAL_USER": self.user, "MATERIAL_PASSWORD": self.password}
        return {**{f"GIT_CONFIG_{name}": value for name, value in git.items()}, **own}

    def hidden(self, text: str) -> str:
        """What a program said, without the secrets."""
        secrets = {self.password or self.user, urllib.parse.quote(self.password or self.user, safe="")}
        for secret in sorted(secrets - {""}, key=len, reverse=True):
            text = text.replace(secret, "...")
        return shown(text)
