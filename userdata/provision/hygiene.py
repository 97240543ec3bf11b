"""What must not stay in an image goes, by the rules of imagegen's plan (src/plan/hygiene)."""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Iterable, Iterator
from typing import TypedDict

# A place by its kind: a path, all in a folder, a folder with the begin and end of names, a path in a home, or a name.
Place = dict[str, "str | list[str]"]


class Rules(TypedDict):
    """The rules as imagegen writes them (src/plan/hygiene/inside.rs)."""

    dropped: list[Place]
    empty: list[str]
    forbidden: list[str]
    locked: list[str]
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


def login_users(passwd: str, rules: Rules) -> list[str]:
    """Names of those who could log in, by the text of /etc/passwd: people, and a second root."""
    rows = [line.split(":") for line in passwd.splitlines()]
    known = [row for row in rows if len(row) > 2 and row[0] not in rules["not_login"] and row[2].isdigit()]
    return [row[0] for row in known if (row[0] != "root" if is_root(row) else int(row[2]) >= rules["first_login_uid"])]


def is_root(row: list[str]) -> bool:
    """Whether a row of /etc/passwd has root's UID."""
    return int(row[2]) == 0


def root_names(passwd: str) -> set[str]:
    """All names with root's UID, by the text of /etc/passwd."""
    rows = [line.split(":") for line in passwd.splitlines()]
    return {row[0] for row in rows if len(row) > 2 and row[2].isdigit() and is_root(row)}


def with_password(shadow: str, rules: Rules) -> list[str]:
    """Names of those who have a password, or need none, by the text of /etc/shadow."""
    rows = [line.split(":") for line in shadow.splitlines()]
    return [row[0] for row in rows if len(row) > 1 and not row[1].startswith(tuple(rules["locked"]))]


def masked(shadow: str) -> str:
    """/etc/shadow without the hashes: how each begins says whether it is one."""
    rows = [line.split(":") for line in shadow.splitlines()]
    return "".join(f"{row[0]}:{row[1][:1]}:\n" for row in rows if len(row) > 1)
