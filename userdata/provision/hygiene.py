"""What must not stay in an image goes, by the rules of imagegen's plan (src/plan/hygiene)."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Collection, Iterable, Iterator
from typing import TypedDict

LARGEST_UID = 2**32 - 1
# A place by its kind: a path, all in a folder, a folder with the begin and end of names, a path in a home, or a name.
Place = dict[str, "str | list[str]"]


class Rules(TypedDict):
    """The rules as imagegen writes them (src/plan/hygiene/inside.rs)."""

    dropped: list[Place]
    empty: list[str]
    forbidden: list[str]
    locked: list[str]
    shadowed: str
    first_login_uid: int
    not_login: list[str]


def remove(path: str) -> None:
    """Removes a file, a link, or a folder with all that is in it."""
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    else:
        os.unlink(path)


def here(root: str, path: str) -> list[str]:
    """The path below the root, if something is there and no other file system is mounted on it."""
    whole = os.path.join(root, path)
    if os.path.lexists(whole) and os.lstat(whole).st_dev == os.lstat(root).st_dev:
        return [whole]
    return []


def home_part(path: str) -> str | None:
    """The path from the home on, of what is in one."""
    if not path.startswith(("root/", "home/")):
        return None
    parts = path.split("/")
    return "/".join(parts[{"root": 1, "home": 2}[parts[0]] :])


class Dropped:
    """Which paths go, looked up from the top: what goes takes with it all that is in it. A system may have hundreds of
    thousands of paths, and its last act has 90 s (DEFAULT_TIMEOUT of systemd-shutdown), also where it is emulated: most
    paths cost a look into some sets."""

    def __init__(self, places: Iterable[Place]) -> None:
        strings: dict[str, set[str]] = {"at": set(), "in": set(), "home": set(), "named": set()}
        self.like: set[tuple[str, ...]] = set()
        for place in places:
            for kind, value in place.items():
                if isinstance(value, str):
                    strings[kind].add(value)
                else:
                    self.like.add(tuple(value))
        self.at, self.inside, self.home, self.named = strings.values()

    def of(self, below: str, names: Iterable[str]) -> set[str]:
        """Those of the names in a folder that go; `below` is its path with a slash, or nothing for the root."""
        if below[:-1] in self.inside:
            return set(names)
        like = [(len(folder) + 1, start, end) for folder, start, end in self.like if below.startswith(folder + "/")]
        return {name for name in names if self.holds(below + name, name, like)}

    def holds(self, path: str, name: str, like: Iterable[tuple[int, str, str]]) -> bool:
        """Whether a path goes; `like` are the patterns of its folder."""
        if path in self.at or name in self.named or home_part(path) in self.home:
            return True
        return any(path.startswith(start, begin) and path.endswith(end, begin) for begin, start, end in like)


def condemned(root: str, rules: Rules, leave: Collection[str] = ()) -> Iterator[str]:
    """Everything that has to go from the root's own file system, except from the folders `leave`."""
    dropped, device = Dropped(rules["dropped"]), os.lstat(root).st_dev
    for folder, folders, files in os.walk(root):
        below = "" if folder == root else os.path.relpath(folder, root) + "/"
        folders[:] = [
            name
            for name in folders
            if below + name not in leave and os.lstat(os.path.join(folder, name)).st_dev == device
        ]
        gone = dropped.of(below, folders + files)
        yield from (os.path.join(folder, name) for name in sorted(gone))
        folders[:] = [name for name in folders if name not in gone]


def clean(root: str, rules: Rules, leave: Collection[str] = ()) -> None:
    """Removes what has to go, and empties what has to be empty."""
    for path in condemned(root, rules, leave):
        remove(path)
    for path in rules["empty"]:
        for file in here(root, path):
            open(file, "w").close()


def forbidden(root: str, rules: Rules) -> list[str]:
    """Paths that no image may have."""
    return [path for path in rules["forbidden"] if here(root, path)]


def rows(table: str) -> list[list[str]]:
    """The fields of the lines of a table of accounts."""
    return [line.removesuffix("\r").split(":") for line in table.split("\n")]


def uid(row: list[str]) -> int | None:
    """The UID in a row of /etc/passwd, if there is one."""
    if len(row) < 3 or not re.fullmatch(r"\+?[0-9]+", row[2]) or int(row[2]) > LARGEST_UID:
        return None
    return int(row[2])


def login_users(passwd: str, rules: Rules) -> list[str]:
    """Names of those who could log in, by the text of /etc/passwd: people, and a second root."""
    known = [(row[0], uid(row)) for row in rows(passwd) if row[0] not in rules["not_login"]]
    return [
        name
        for name, number in known
        if number is not None and (name != "root" if number == 0 else number >= rules["first_login_uid"])
    ]


def root_names(passwd: str) -> set[str]:
    """All names with root's UID, by the text of /etc/passwd."""
    return {row[0] for row in rows(passwd) if uid(row) == 0}


def with_password(table: str, rules: Rules) -> list[str]:
    """Names of those who have a password, or need none, by the text of /etc/shadow or /etc/passwd."""
    known = [row[:2] for row in rows(table) if len(row) > 1]
    locked = tuple(rules["locked"])
    return [name for name, password in known if password != rules["shadowed"] and not password.startswith(locked)]


def masked(shadow: str) -> str:
    """/etc/shadow without the hashes: how each begins says whether it is one."""
    return "".join(f"{row[0]}:{row[1][:2]}:\n" for row in rows(shadow) if len(row) > 1)
