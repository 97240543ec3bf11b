"""The UID table of the user-data.

The file has a line for each user or range, `UID[:GID]`, a tab, and the name; `s{08..10}` stands for three names with
UIDs that follow. `@GID`, group and members declare a group. `packed` knows two ways to write large tables.
"""

from typing import NamedTuple

TABLE = "/etc/imagegen/users"
PACKED = "lzma base85"


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


def parse(text: str) -> Table:
    """Reads a table."""
    users: dict[str, User] = {}
    groups: dict[str, Group] = {}
    if text.startswith((PACKED, "+")) or "\n+" in text:
        from imagegen import packed  # Ordinary images do not have it, nor such tables.

        text = packed.lines(text)
    for line in text.splitlines():
        ids, names, *rest = line.split("\t")
        if ids[0] == "@":
            members = [member for part in rest[0].split(",") if part for member in numbered(part)]
            groups[names] = Group(int(ids[1:]), members)
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
