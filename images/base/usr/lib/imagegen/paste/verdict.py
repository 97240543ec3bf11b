"""From the bytes of a paste to what a machine does with it."""

from __future__ import annotations

import re
from typing import NamedTuple

from imagegen.paste import kinds, sentences
from imagegen.paste.content import Unsound, config, expect_whole
from imagegen.paste.layers import Opened, opened
from imagegen.paste.pieces import FIRST, Paste, Piece, paste
from imagegen.paste.repairs import Candidate, candidates, harmless

STOCK = re.compile(r"path:\s/run/imagegen-stock\s")
TWO = "holds two different texts of imagegen"
# Nobody who changes a text by hand means these.
MISTAKES = (
    (re.compile("[\u201c-\u201f]"), "has typographic quotes"),
    (re.compile(r"\A(?!.*[<>]).*&(?:lt|gt|quot);", re.DOTALL), "has HTML escapes"),
    (re.compile(r"^\t", re.MULTILINE), "has lines that begin with a tab"),
)


class Taken(NamedTuple):
    """The text that was meant, and what to say of what became of it on the way; nothing where that was nothing."""

    text: str
    sentence: str | None = None


class Spoiled(NamedTuple):
    """What to say of user-data that cannot be taken."""

    sentence: str


def judge(raw: bytes, role: str | None = None) -> Taken | Spoiled:
    """What a machine whose image has this role makes of its user-data."""
    inside = opened(raw)
    if not inside.text.strip("\0 \t\n"):
        return Spoiled(sentences.userdata("is cut off", role) if inside.packed else sentences.nothing(role))
    if STOCK.search(inside.text):
        return Spoiled(sentences.stock(role))
    try:
        return (
            printed(raw, inside)
            or changed(inside)
            or Spoiled(sentences.userdata(kinds.kind(harmless(inside.text)), role))
        )
    except Unsound as reason:
        return Spoiled(sentences.userdata(str(reason), role))


def printed(raw: bytes, inside: Opened) -> Taken | None:
    """The verdict where all that imagegen printed is there, which its hash tells."""
    for candidate in candidates(inside.text):
        found = paste(candidate.text)
        exact = next((piece for piece in found.pieces if piece.exact), None)
        if exact is None:
            continue
        if raw.replace(b"\r\n", b"\n").rstrip() == exact.text.rstrip().encode():
            return Taken(exact.text)
        expect_one(found, exact)
        if longer := extended(found, exact):
            return Taken(longer, sentences.CHANGED)
        return Taken(exact.text, sentences.repaired(damage(raw, inside, candidate, found, exact)))
    return None


def expect_one(found: Paste, piece: Piece) -> None:
    """Raises an Unsound where there are two texts, or one within a program.

    Pasted twice is as good as once, even if the other copy is cut off.
    """
    if not all(piece.text.startswith(other.text) for other in found.pieces):
        raise Unsound(TWO)
    if program := kinds.program_for(found.above):
        raise Unsound(program)


def extended(found: Paste, piece: Piece) -> str | None:
    """The whole paste, where somebody has added to the cloud-config above or below."""
    _, first, above = f"\n{found.above}\n".partition(f"\n{FIRST}\n")
    above, below = above if first else "", "\n".join(it.below for it in found.pieces)
    if not any(line and not line.startswith("#") for line in f"{above}\n{below}".split("\n")):
        return None
    whole = f"{FIRST}\n{above}\n{piece.text}\n{below}\n"
    try:
        return None if config(whole) == config(piece.text) else whole
    except Unsound:
        return None


def damage(raw: bytes, inside: Opened, candidate: Candidate, found: Paste, piece: Piece) -> tuple[str, ...]:
    """What has happened to a text, in the words of its sentence."""
    signs = {
        "its first line missing": piece.headless,
        "something before each of its lines": bool(piece.margin),
        "a copy of itself": len(found.pieces) > 1,
        "lines around it that are not part of it": bool(found.above or piece.below),
    }
    seen = (*inside.layers, *candidate.damage, *(sign for sign, there in signs.items() if there))
    if seen:
        return seen
    return ("ends of lines of another system",) if b"\r" in raw else ("something above its first line",)


def changed(inside: Opened) -> Taken | None:
    """The verdict where somebody has changed the text, and its last line is there."""
    found = paste(harmless(inside.text))
    whole = [piece for piece in found.pieces if piece.files is not None]
    if not whole:
        return None
    expect_one(found, whole[0])
    try:
        for mistake, words in MISTAKES:
            if mistake.search(whole[0].text):
                raise Unsound(words)
        expect_whole(config(whole[0].text), whole[0].files or 0)
    except Unsound as reason:
        raise Unsound(sentences.changed(str(reason))) from reason
    return Taken(extended(found, whole[0]) or whole[0].text, sentences.CHANGED)
