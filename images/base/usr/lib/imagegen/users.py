"""The UID table of the user-data.

The file has a line for each user or range, `UID[:GID]`, a tab, and the name; `s{08..10}` stands for three names with
UIDs that follow. `@GID`, group and members declare a group. `+1000 5 7` and `ada bob eve` are many users: each number
is the distance from the UID before. A file whose first line is PACKED holds such lines as LZMA in base85 (RFC 1924).
"""

import base64
import lzma
from typing import NamedTuple

TABLE = "/etc/imagegen/users"
PACKED = "lzma base85"
LARGEST = 1 << 24  # bytes that a packed table may unpack to


class User(NamedTuple):
    """The numbers of a user."""

    uid: int
    gid: int


class Group(NamedTuple):
    """The number of a group, and who is in it beside those whose first group it is."""

    gid: int
    members: list[str]


class Table(NamedTuple):
    """Everybody with an account, and all groups, those of single users among them."""

    users: dict[str, User]
    groups: dict[str, Group]


def numbered(names: str) -> list[str]:
    """The names that `s{08..10}` stands for; any other name stands for itself."""
    prefix, brace, bounds = names.partition("{")
    if not brace:
        return [names]
    first, last = bounds[:-1].split("..")
    return [f"{prefix}{number:0{len(first)}}" for number in range(int(first), int(last) + 1)]


def unpacked(text: str) -> str:
    """The lines of a table, packed or not."""
    head, _, body = text.partition("\n")
    if head != PACKED:
        return text
    decompressor = lzma.LZMADecompressor(lzma.FORMAT_ALONE)
    return decompressor.decompress(base64.b85decode("".join(body.split())), LARGEST).decode("ascii")


def parse(text: str) -> Table:
    """Reads a table."""
    users: dict[str, User] = {}
    groups: dict[str, Group] = {}
    for line in unpacked(text).splitlines():
        ids, names, *rest = line.split("\t")
        if ids[0] == "@":
            members = [member for part in rest[0].split(",") if part for member in numbered(part)]
            groups[names] = Group(int(ids[1:]), members)
        elif ids[0] == "+":
            uid = 0
            for step, name in zip(ids.split(), names.split(), strict=True):
                uid += int(step)
                users[name] = User(uid, uid)
        else:
            number, _, gid = ids.partition(":")
            users.update((name, User(uid, int(gid or uid))) for uid, name in enumerate(numbered(names), int(number)))
    shared = {group.gid for group in groups.values()}
    groups.update((name, Group(user.gid, [])) for name, user in users.items() if user.gid not in shared)
    return Table(users, groups)


def table(path: str = TABLE) -> Table:
    """The workshop's users and groups."""
    with open(path, newline="\n") as file:
        return parse(file.read())
