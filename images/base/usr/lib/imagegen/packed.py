"""A UID table in the fewest letters: LZMA (.lzma), in base85 (RFC 1924)."""

import base64
import lzma

LARGEST = 1 << 24  # bytes that a table may unpack to


def lines(text: str) -> str:
    """The lines of a packed table, below its first line."""
    _, _, body = text.partition("\n")
    decompressor = lzma.LZMADecompressor(lzma.FORMAT_ALONE)
    return decompressor.decompress(base64.b85decode("".join(body.split())), LARGEST).decode("ascii")
