"""What copying and pasting does to a text, undone. Whether a repair is right, the hash in the last line tells."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

SPACES = re.compile("[\xa0\u1680\u2000-\u200a\u202f\u205f\u3000]")
INVISIBLE = re.compile("[\x00-\x08\x0e-\x1f\x7f\xad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
QUOTES = str.maketrans(
    {
        **dict.fromkeys("\u201c\u201d\u201e\u201f\xab\xbb\u2033", '"'),
        **dict.fromkeys("\u2018\u2019\u201a\u201b\u2032", "'"),
    }
)
DASHES = re.compile("[\u2010-\u2015\u2212]")
# A line of the UID table: numbers, names, and of a group its members.
TABLE = re.compile(r"^(- path: /etc/imagegen/users\n.*?content: \|\n)(.*?)(?=^\S|\Z)", re.DOTALL | re.MULTILINE)
ENTRY = re.compile(r"^( *)(@\d+|\+?\d+(?::\d+)?(?: \d+(?= ))*)[ \t]+(?=\S)", re.MULTILINE)
GROUP = re.compile(r"^( *@\d+\t\S+)[ \t]+(?=\S|$)", re.MULTILINE)
INDENTED = re.compile(r"^ *\t", re.MULTILINE)
WIDTHS = (8, 4, 3, 2, 1)  # of a tab


class Candidate(NamedTuple):
    """A text as it may have been, and what then has happened to it."""

    text: str
    damage: tuple[str, ...]


def misread(text: str) -> list[str]:
    """UTF-8 that was taken for one byte per character."""
    if text.isascii():
        return []
    try:
        return ["".join(map(one_byte, text)).encode("latin-1").decode()]
    except UnicodeError:
        return []


def one_byte(character: str) -> str:
    """The character of Latin-1 with the byte that Windows has for this one."""
    try:
        return character.encode("cp1252").decode("latin-1")
    except UnicodeError:
        return character


def escaped(text: str) -> list[str]:
    """A text as a web page's source has it."""
    once = html.unescape(text)
    return [once, html.unescape(once)]


def odd_spaces(text: str) -> list[str]:
    """Spaces that are none to a program, and what nobody sees."""
    return [INVISIBLE.sub("", SPACES.sub(" ", text))]


def typography(text: str) -> list[str]:
    """What word processors make of quotes, dashes and dots."""
    text = text.translate(QUOTES).replace("\u2026", "...")
    return [DASHES.sub(dash, text) for dash in ("--", "-")]


def doubled_lines(text: str) -> list[str]:
    """An empty line after each line."""
    lines = text.split("\n")
    return ["\n".join(lines[::2]) + "\n"] if len(lines) > 4 and not any(lines[1::2]) else []


def trailing_spaces(text: str) -> list[str]:
    """Lines that were filled up."""
    return [re.sub(r"[ \t]+$", "", text, flags=re.MULTILINE)]


def tabs_lost(text: str) -> list[str]:
    """A terminal copies tabs as spaces: in the UID table, programs need them."""
    return [TABLE.sub(lambda table: table[1] + GROUP.sub(r"\1\t", ENTRY.sub(r"\1\2\t", table[2])), text)]


def tabs_for_spaces(text: str) -> list[str]:
    """An editor makes tabs of the spaces that a line begins with."""
    if not INDENTED.search(text):
        return []
    return ["\n".join(expanded(line, width) for line in text.split("\n")) for width in WIDTHS]


def expanded(line: str, width: int) -> str:
    """A line without tabs in its indentation."""
    rest = line.lstrip(" \t")
    return line[: len(line) - len(rest)].expandtabs(width) + rest


# In this order each finds what the one before uncovers.
REPAIRS: tuple[tuple[str, Callable[[str], list[str]]], ...] = (
    ("characters of another encoding", misread),
    ("HTML escapes", escaped),
    ("non-breaking spaces", odd_spaces),
    ("typographic quotes or dashes", typography),
    ("doubled line ends", doubled_lines),
    ("trailing spaces", trailing_spaces),
    ("tabs for spaces", tabs_for_spaces),
    ("spaces for tabs", tabs_lost),
)
# Those that change nothing that somebody may have meant.
HARMLESS = {"characters of another encoding", "non-breaking spaces", "trailing spaces", "spaces for tabs"}


def candidates(text: str) -> Iterator[Candidate]:
    """The text with all sets of repairs that make a difference, the smallest sets first."""
    yield Candidate(text, ())
    found = {text: Candidate(text, ())}
    for name, repair in REPAIRS:
        for before in list(found.values()):
            for after in repair(before.text):
                found.setdefault(after, Candidate(after, (*before.damage, name)))
    yield from sorted(found.values(), key=lambda candidate: len(candidate.damage))[1:]


def harmless(text: str) -> str:
    """The text with all repairs that cannot be wrong."""
    return [candidate for candidate in candidates(text) if HARMLESS.issuperset(candidate.damage)][-1].text
