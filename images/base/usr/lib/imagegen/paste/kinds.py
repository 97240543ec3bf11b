"""What a paste is in which imagegen's text is not to be found: how its sentence goes on after `The user-data`."""

from __future__ import annotations

import re

from imagegen.paste.content import Unsound, config
from imagegen.paste.pieces import FIRST

OTHERS_CONFIG = "is a cloud-config that imagegen did not print"
MULTIPART = re.compile(r"^content-type:[ \t]*multipart/", re.IGNORECASE | re.MULTILINE)
# Whatever is below one of these, cloud-init takes for a program or for directions to one.
PROGRAMS = (
    ("#!", "is a script"),
    ("#cloud-boothook", "is a script"),
    ("#include", "is a list of addresses"),
    ("#part-handler", "is a program for cloud-init"),
    ("#cloud-config-", OTHERS_CONFIG),
    ("## template: jinja", "is a template for cloud-init"),
)
OTHERS = (
    (FIRST, OTHERS_CONFIG),
    ("content-type:", "is a MIME message that imagegen did not print"),
    ("mime-version:", "is a MIME message that imagegen did not print"),
    ("-----begin", "is a key or a certificate"),
    ("ssh-", "is an SSH key"),
    ("<", "is a web page"),
)
SECRETS = "is the file with the workshop's secrets"
WORKSHOP = "is a workshop file"
# Among many others; each file has the first.
WORKSHOP_KEYS = {"name", "engine", "users", "docker", "network", "homes", "autofs", "notebooks", "web", "hub", "node"}
OURS = re.compile(r"/etc/imagegen/(?:settings\.json|users|join\.py)")


def beginning(text: str, marks: tuple[tuple[str, str], ...]) -> str | None:
    """What a paste is that begins with one of these marks."""
    start = text.lstrip().lower()
    return next((kind for mark, kind in marks if start.startswith(mark)), None)


def program_for(text: str) -> str | None:
    """What cloud-init would take a paste for, whatever else is in it."""
    return "is a MIME message of several parts" if MULTIPART.search(text) else beginning(text, PROGRAMS)


def kind(text: str) -> str:
    """What is the matter with a paste in which no text of imagegen has an end."""
    if program := program_for(text):
        return program
    if "Made by imagegen" in text:
        return "is cut off, for its last line, which begins with `# imagegen: end of`, is missing"
    if OURS.search(text):
        return "lacks its first lines"
    keys = top_keys(text)
    if {"join_key", "password_seed"} & keys:
        return SECRETS
    if "version" in keys and WORKSHOP_KEYS & keys:
        return WORKSHOP
    return beginning(text, OTHERS) or "is nothing that imagegen printed"


def top_keys(text: str) -> set[str]:
    """The keys of a YAML mapping; none for any other text."""
    try:
        return set(map(str, config(text)))
    except Unsound:
        return set()
