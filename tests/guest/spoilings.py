"""What a clipboard, an editor, a form or a person does to a text on its way into user-data."""

import base64
import gzip
import html
import random
import re

LAST = b"# imagegen: end of "


def large_workshop() -> str:
    """A workshop whose texts fit only as a whole in compressed form."""
    # Each file is too short to be compressed by itself.
    source = random.Random(1)
    files = "  files:\n" + "".join(
        f"  - path: /etc/large-{number}\n    content: |\n      {source.randbytes(280).hex()}\n" for number in range(27)
    )
    return f"version: 1\nname: large\nhub:\n{files}node:\n{files}"


def lines(change):
    """A spoiling of each line."""
    return lambda raw: b"\n".join(change(line) for line in raw.split(b"\n"))


def characters(change):
    """A spoiling of the text."""
    return lambda raw: change(raw.decode()).encode()


def smart(text: str) -> str:
    """As a word processor has it."""
    text = re.sub(r'(^|[\s(\[{=])"', "\\1\u201c", text).replace('"', "\u201d")
    text = re.sub(r"(^|[\s(\[{=])'", "\\1\u2018", text).replace("'", "\u2019")
    return text.replace("...", "\u2026").replace("--", "\u2014")


def first_lines(number: int):
    """Without so many lines at the top."""
    return lambda raw: raw.split(b"\n", number)[number]


def without_last_line(raw: bytes) -> bytes:
    """Selected up to the line before the last."""
    return raw[: raw.rindex(LAST)]


# Each gives the text as it arrives. What is meant can be told without doubt, by the hash.
CURABLE = {
    "byte order mark": lambda raw: b"\xef\xbb\xbf" + raw,
    "UTF-16 with a mark": lambda raw: raw.decode().encode("utf-16"),
    "UTF-16 big-endian": lambda raw: b"\xfe\xff" + raw.decode().encode("utf-16-be"),
    "UTF-16 without a mark": lambda raw: raw.decode().encode("utf-16-le"),
    "UTF-16 big-endian without a mark": lambda raw: raw.decode().encode("utf-16-be"),
    "UTF-16 through a form that takes bytes for characters": lambda raw: (
        raw.decode().encode("utf-16").decode("latin-1").encode()
    ),
    "UTF-32": lambda raw: raw.decode().encode("utf-32"),
    "byte order mark through such a form": lambda raw: (b"\xef\xbb\xbf" + raw).decode("latin-1").encode(),
    "non-breaking spaces": characters(lambda text: text.replace(" ", "\xa0")),
    "some non-breaking spaces": characters(lambda text: text.replace("  ", "\xa0 ")),
    "non-breaking spaces in Latin-1": lambda raw: raw.replace(b" ", b"\xa0"),
    "non-breaking spaces, read as Windows'": lambda raw: raw.replace(b"  ", b"\xc2\xa0 ").decode("cp1252").encode(),
    "zero-width spaces": characters(lambda text: text.replace("/", "/\u200b")),
    "zeros": lambda raw: raw.replace(b" ", b" \0", 5),
    "CRLF": lambda raw: raw.replace(b"\n", b"\r\n"),
    "CR": lambda raw: raw.replace(b"\n", b"\r"),
    "CR CRLF": lambda raw: raw.replace(b"\n", b"\r\r\n"),
    "line separators": lambda raw: raw.replace(b"\n", "\u2028".encode()),
    "doubled line ends": lambda raw: raw.replace(b"\n", b"\n\n"),
    "no first line": first_lines(1),
    "a blank line above": lambda raw: b"\n" + raw,
    "blank lines around": lambda raw: b"\n \n" + raw + b"\n\n",
    "a comment above": lambda raw: b"# for the course in May\n" + raw,
    "a prompt above": lambda raw: b"ada@laptop:~$ imagegen hub\n" + raw,
    "a prompt below": lambda raw: raw + b"ada@laptop:~$ ",
    "prompts around": lambda raw: b"$ cat hub.yaml\n" + raw + b"$ \n",
    "root's prompt": lambda raw: b"root@laptop:~# imagegen hub\n" + raw + b"root@laptop:~# ",
    "what was said on stderr": lambda raw: (
        b"4396 bytes, of 16383 that Horizon takes.\nwarning: a name\n  --> workshop.yaml:3\n" + raw
    ),
    "a fence": lambda raw: b"```yaml\n" + raw + b"```\n",
    "HTML around": lambda raw: b"<pre>\n" + raw + b"</pre>\n",
    "no line end": lambda raw: raw.rstrip(),
    "indented": lines(lambda line: b"    " + line),
    "indented, blank lines trimmed": lines(lambda line: (b"    " + line).rstrip() if not line else b"    " + line),
    "quoted as in a mail": lines(lambda line: b"> " + line),
    "quoted, blank lines trimmed": lines(lambda line: (b"> " + line).rstrip() if not line else b"> " + line),
    "filled up lines": lines(lambda line: line.ljust(80)),
    "trailing spaces": lines(lambda line: line + b"  "),
    "tabs of four": lines(
        lambda line: re.sub(rb"^( +)", lambda it: b"\t" * (len(it[1]) // 4) + b" " * (len(it[1]) % 4), line)
    ),
    "tabs of two": lines(
        lambda line: re.sub(rb"^( +)", lambda it: b"\t" * (len(it[1]) // 2) + b" " * (len(it[1]) % 2), line)
    ),
    "tabs as spaces": lines(lambda line: line.expandtabs(8)),
    "base64": base64.b64encode,
    "wrapped base64": base64.encodebytes,
    "wrapped base64 with CRLF": lambda raw: base64.encodebytes(raw).replace(b"\n", b"\r\n"),
    "base64 below its command": lambda raw: b"$ imagegen hub | base64\n" + base64.encodebytes(raw),
    "base64 twice": lambda raw: base64.encodebytes(base64.b64encode(raw)),
    "base64 of gzip": lambda raw: base64.encodebytes(gzip.compress(raw)),
    "gzip": gzip.compress,
    "base64 of UTF-16": lambda raw: base64.encodebytes(raw.decode().encode("utf-16")),
    "HTML escapes": characters(html.escape),
    "HTML escapes of brackets alone": characters(lambda text: html.escape(text, quote=False)),
    "HTML escapes twice": characters(lambda text: html.escape(html.escape(text))),
    "HTML escapes with non-breaking spaces": characters(lambda text: html.escape(text).replace(" ", "&nbsp;")),
    "typographic quotes": characters(smart),
    "twice": lambda raw: raw + raw,
    "twice with a blank line": lambda raw: raw + b"\n" + raw,
    "twice, the second cut": lambda raw: raw + raw[:900],
    "twice, the first cut": lambda raw: raw[:900] + b"\n" + raw,
}


def message(raw: bytes, encode=lambda raw: raw, encoding: bytes = b"8bit") -> bytes:
    """As the only part of a MIME message."""
    head = b'Content-Type: multipart/mixed; boundary="=x="\nMIME-Version: 1.0\n\n--=x=\nMIME-Version: 1.0\n'
    part = b'Content-Type: text/cloud-config; charset="us-ascii"\nContent-Transfer-Encoding: ' + encoding + b"\n\n"
    return head + part + encode(raw) + b"\n--=x=--\n"


CURABLE["a MIME message of one part"] = message
CURABLE["a MIME message of one part in base64"] = lambda raw: message(raw, base64.encodebytes, b"base64")

# Of a text in compressed form: its body is base64 of gzip, which has no other meaning.
CURABLE_PACKED = {
    "as printed": lambda raw: raw,
    "a blank line above": lambda raw: b"\n" + raw,
    "a comment above": lambda raw: b"# for the course in May\n" + raw,
    "a prompt above": lambda raw: b"$ imagegen hub\n" + raw,
    "no first line": first_lines(1),
    "no header": first_lines(4),
    "no blank line below the header": lambda raw: raw.replace(b"\n\n", b"\n"),
    "wrapped": lambda raw: b"\n".join(re.findall(rb".{1,76}", raw)),
    "CRLF": lambda raw: raw.replace(b"\n", b"\r\n"),
    "UTF-16": lambda raw: raw.decode().encode("utf-16"),
    "byte order mark": lambda raw: b"\xef\xbb\xbf" + raw,
    "base64": base64.encodebytes,
    "indented": lines(lambda line: b"  " + line),
    "non-breaking spaces": characters(lambda text: text.replace(" ", "\xa0")),
}
