"""Large UID tables in few letters.

`+1000`, `000`, `057` and `ada bob eve` are many users in a line: the first UID, the high and the low digits (of DIGITS)
of the steps from one UID to the next, and the names. A table whose first line is PACKED is LZMA (.lzma) in base85 (RFC
1924). """

import base64
import lzma

from imagegen.users import PACKED

DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_"
LARGEST = 1 << 24  # bytes that a table may unpack to


def unpacked(text: str) -> str:
    """A packed table as text."""
    _, _, body = text.partition("\n")
    decompressor = lzma.LZMADecompressor(lzma.FORMAT_ALONE)
    return decompressor.decompress(base64.b85decode("".join(body.split())), LARGEST).decode("ascii")


def lines(text: str) -> str:
    """The table with a line for each user."""
    table = unpacked(text) if text.startswith(PACKED) else text
    found: list[str] = []
    for line in table.splitlines():
        if line[0] != "+":
            found.append(line)
            continue
        first, *steps, names = line.split("\t")
        uid = int(first)
        for high, low, name in zip(*steps, names.split(), strict=True):
            uid += 64 * DIGITS.index(high) + DIGITS.index(low)
            found.append(f"{uid}\t{name}")
    return "\n".join(found)
