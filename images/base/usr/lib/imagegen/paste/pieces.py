"""Where in a paste the texts of imagegen are, and whether all of each is there."""

from __future__ import annotations

import hashlib
import re
from typing import NamedTuple

FIRST = "#cloud-config"
# The second line of a text, with what stands before each line where it was quoted or indented.
TITLE = re.compile(r"(?P<margin>[ \t>|+*]*)# (?:The hub|A node) of the workshop .*Made by imagegen")
# The last line, the same in all levels.
LAST = re.compile(r"# imagegen: end of (?P<files>\d+) files, sha256 (?P<digest>[0-9a-f]{16})[ \t]*")


class Piece(NamedTuple):
    """A text of imagegen, from its first line to its last or to where it breaks off."""

    text: str
    files: int | None  # as many as it was printed with; none where the last line is missing
    exact: bool  # as it was printed
    headless: bool  # the first line was missing
    margin: str  # what stood before each line
    below: str  # what follows and is not part of it


class Paste(NamedTuple):
    """What stands above the first text, and the texts."""

    above: str
    pieces: list[Piece]


def paste(text: str) -> Paste:
    """Finds all texts of imagegen."""
    lines = text.split("\n")
    margins = {number: found["margin"] for number, line in enumerate(lines) if (found := TITLE.match(line))}
    begins = {number: number - has_first(lines, number, margin) for number, margin in margins.items()}
    pieces = [
        piece(lines[title:end], margins[title], begins[title] == title)
        for title, end in zip(begins, [*list(begins.values())[1:], len(lines)])
    ]
    return Paste("\n".join(lines[: next(iter(begins.values()), len(lines))]).strip(), pieces)


def has_first(lines: list[str], title: int, margin: str) -> bool:
    """Whether the line above a title is the one that cloud-init wants."""
    return title > 0 and without(lines[title - 1], margin).strip() == FIRST


def piece(lines: list[str], margin: str, headless: bool) -> Piece:
    """The text that begins with a title."""
    body = [FIRST]
    for number, line in enumerate(without(line, margin) for line in lines):
        if found := LAST.fullmatch(line):
            printed = "\n".join(body) + "\n"
            exact = digest(printed) == found["digest"]
            below = "\n".join(lines[number + 1 :]).strip()
            return Piece(f"{printed}{line.rstrip()}\n", int(found["files"]), exact, headless, margin, below)
        body.append(line)
    return Piece("\n".join(body).rstrip(), None, False, headless, margin, "")


def without(line: str, margin: str) -> str:
    """A line without what stands before each; a blank one may have lost the end of that."""
    return line.removeprefix(margin if line.startswith(margin) else margin.rstrip())


def digest(text: str) -> str:
    """The beginning of the hash that is in the last line."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]
