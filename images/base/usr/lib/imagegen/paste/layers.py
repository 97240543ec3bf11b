"""The text in what a cloud hands over: out of UTF-16, base64, gzip and MIME, each as often as it was wrapped."""

from __future__ import annotations

import base64
import binascii
import codecs
import email
import re
import zlib
from typing import NamedTuple

LARGEST = 1 << 24  # bytes that compressed user-data may unpack to
DEPTH = 6  # layers
BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8", "a byte order mark"),
    (codecs.BOM_UTF32_LE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF32_BE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF16_LE, "utf-16", "UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16", "UTF-16"),
)
GZIP = b"\x1f\x8b"
# What stands above base64 of gzip in a text that imagegen compressed as a whole.
HEADER = re.compile(
    r"^[ \t]*(?:content-type|mime-version|content-transfer-encoding):.*\n", re.IGNORECASE | re.MULTILINE
)
BASE64_LINE = re.compile(r"[A-Za-z0-9+/]+=*")
ENDS_OF_LINES = re.compile("\r+\n|[\r\v\f\x85\u2028\u2029]")


class Opened(NamedTuple):
    """The text inside, what it was wrapped in, and whether cloud-init sees through that by itself."""

    text: str
    layers: list[str]
    packed: bool


def opened(raw: bytes) -> Opened:
    """Takes off one layer after the other."""
    layers: list[str] = []
    packed = False
    for _ in range(DEPTH):
        if raw.startswith(GZIP):
            raw, packed = gunzip(raw), True
            continue
        text, found = decoded(raw)
        layers += found
        inner = only_part(text) or base64_body(text)
        if inner is None:
            return Opened(text, layers, packed)
        if not HEADER.search(text):
            layers.append("base64")
        raw, packed = inner, True
    return Opened("", layers, packed)


def only_part(text: str) -> bytes | None:
    """What is in a MIME message of one part, as some tools make it of every text."""
    message = email.message_from_string(text.lstrip())
    parts = [part for part in message.walk() if not part.is_multipart()]
    body = parts[0].get_payload(decode=True) if message.is_multipart() and len(parts) == 1 else None
    return body if isinstance(body, bytes) else None


def gunzip(raw: bytes) -> bytes:
    """What can be unpacked of gzip: the beginning, where the rest is missing."""
    unpacked = b""
    while raw.startswith(GZIP) and len(unpacked) < LARGEST:
        member = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
        try:
            unpacked += member.decompress(raw, LARGEST - len(unpacked))
        except zlib.error:
            break
        raw = member.unused_data
    return unpacked


def decoded(raw: bytes) -> tuple[str, list[str]]:
    """Bytes as text with plain ends of lines, and how they were written where that is not UTF-8."""
    for mark, codec, name in BYTE_ORDER_MARKS:
        if raw.startswith(mark):
            return plain_lines(raw.decode(codec, "ignore")), [name]
    if raw.count(0) > len(raw) // 4:
        # Of UTF-16 without a mark, each second byte of plain ASCII is zero.
        codec = "utf-16-be" if raw[0] == 0 else "utf-16-le"
        return plain_lines(raw.decode(codec, "ignore")), ["UTF-16"]
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return plain_lines(raw.decode("latin-1")), []
    if text.startswith(("\xff\xfe", "\xfe\xff")):
        # A form that takes each byte of a file for a character makes this of UTF-16.
        return plain_lines(text.encode("latin-1", "ignore").decode("utf-16", "ignore")), ["UTF-16"]
    return plain_lines(text), []


def plain_lines(text: str) -> str:
    """All lines end as on Unix, and no mark stands before the first."""
    return ENDS_OF_LINES.sub("\n", text.lstrip("\ufeff"))


def base64_body(text: str) -> bytes | None:
    """What the text holds, where it is nothing but base64, whatever the width of its lines.

    Up to a tenth may be something else, like the prompt of a shell.
    """
    lines = [re.sub(r"\s", "", line) for line in HEADER.sub("\n", text).splitlines()]
    body = "".join(line for line in lines if BASE64_LINE.fullmatch(line)).rstrip("=")
    if len(body) < 100 or len(body) * 10 < sum(map(len, lines)) * 9:
        return None
    # What was cut off ends anywhere.
    body = body[: -1 if len(body) % 4 == 1 else None]
    try:
        return base64.b64decode(body + "=" * (-len(body) % 4))
    except binascii.Error:
        return None
