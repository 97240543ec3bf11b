"""What a text says, as far as this machine has to know it before anything of it is done."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

import yaml

from imagegen import settings, users
from imagegen.paste.layers import gunzip

Config = dict[str, Any]


class Unsound(Exception):
    """Why a text that was changed cannot be taken: how its sentence goes on after `The user-data`."""


def config(text: str) -> Config:
    """The cloud-config, read as cloud-init reads it."""
    try:
        found = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = f", in line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise Unsound(f"is not valid YAML{line}") from error
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        raise Unsound("is not valid YAML") from error
    if not isinstance(found, dict):
        raise Unsound("is not a cloud-config")
    return found


def files(found: Config) -> dict[str, str]:
    """What it writes, by path."""
    entries = found.get("write_files")
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise Unsound("writes no files")
    return {str(entry.get("path")): written(entry) for entry in entries}


def written(entry: dict[str, Any]) -> str:
    """The content of a file."""
    content, encoding = entry.get("content") or "", entry.get("encoding")
    try:
        if encoding == "gz+b64":
            return gunzip(base64.b64decode(content, validate=True)).decode()
        return base64.b64decode(content, validate=True).decode() if encoding == "b64" else str(content)
    except (binascii.Error, ValueError, TypeError) as error:
        raise Unsound(f"has something else than base64 in {entry.get('path')}") from error


def expect_whole(found: Config, at_least: int = 0) -> None:
    """Raises an Unsound where the text cannot be a workshop's, or has fewer files than it was printed with."""
    content = files(found)
    if len(content) < at_least:
        raise Unsound(f"has only {len(content)} of its {at_least} files")
    for path, expect in ((settings.PATH, expect_settings), (users.TABLE, expect_users)):
        if path not in content:
            raise Unsound(f"has no {path}")
        try:
            expect(content[path])
        except (ValueError, KeyError, IndexError, TypeError) as error:
            raise Unsound(f"has a {path} that cannot be read") from error


def expect_settings(text: str) -> None:
    """Fails where they are not what every program needs to know."""
    found = json.loads(text)
    if not isinstance(found["level"], int) or found["role"] not in ("hub", "node"):
        raise ValueError("no level, or no role")


def expect_users(text: str) -> None:
    """Fails where it is not a table of users."""
    names = [*users.parse(text).users]
    if not names or any(name.split() != [name] for name in names):
        raise ValueError("no names")
