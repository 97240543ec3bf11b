"""Limits what each student may store, and writes down how much each does, for JupyterHub's pages."""

from __future__ import annotations

import json
import os
import stat
import time
from typing import TYPE_CHECKING

from imagegen.files import write_whole
from imagegen.hub.storage import DATA
from imagegen.quotas import Amount, limit, size, stored
from imagegen.settings import settings
from imagegen.users import table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imagegen.users import User

USAGE = "/run/imagegen/usage.json"
ARCHIVED = "/run/imagegen/archived.json"
INTERVAL = 60  # seconds
MIB = 1 << 20
LEAST = 16 * MIB  # A server needs some files to start at all,
LEAST_FILES = 1000


def share(asked: int | None, size: Amount, students: int) -> Amount:
    """What each may have. Unless the workshop says how much, it is twice an equal part of the file system: most store
    little, and no student alone can fill it."""
    parts = max(students, 4)
    files = max(LEAST_FILES, 2 * size.files // parts)
    return Amount(asked or max(LEAST, 2 * size.bytes // parts), files)


def walk(folder: str) -> Iterator[os.stat_result]:
    """Each file and folder below."""
    for entry in os.scandir(folder):
        found = entry.stat(follow_symlinks=False)
        yield found
        if stat.S_ISDIR(found.st_mode):
            yield from walk(entry.path)


def archived(homes: str, path: str = ARCHIVED) -> dict[int, Amount]:
    """What earlier workshops' homes hold, by UID: this one's students may have the same UIDs. It is counted once in a
    boot, since nothing changes there."""
    try:
        with open(path) as file:
            return {int(uid): Amount(*amount) for uid, amount in json.load(file).items()}
    except (FileNotFoundError, ValueError):
        pass
    found: dict[int, Amount] = {}
    if os.path.isdir(f"{homes}/.archive"):
        for each in walk(f"{homes}/.archive"):
            before = found.get(each.st_uid, Amount(0, 0))
            found[each.st_uid] = Amount(before.bytes + each.st_blocks * 512, before.files + 1)
    write_whole(path, json.dumps(found))
    return found


def apply(homes: str, data: str, users: dict[str, User], asked: int | None) -> dict[str, object]:
    """Sets everybody's limits; gives what is told of homes."""
    aside, most = archived(homes), share(asked, size(homes), len(users))
    used = {}
    for name, user in users.items():
        extra = aside.get(user.uid, Amount(0, 0))
        limit(homes, user.uid, Amount(most.bytes + extra.bytes, most.files + extra.files))
        used[name] = max(0, stored(homes, user.uid).bytes - extra.bytes)
    # Shared folders are beside the homes unless those have a volume.
    if os.stat(homes).st_dev != os.stat(data).st_dev:
        for user in users.values():
            limit(data, user.uid, share(asked, size(data), len(users)))
    return {"limit": most.bytes, "used": used}


def main() -> None:
    """For ever, and so it follows a file system that grows."""
    config = settings()
    asked = config.get("quota")
    if asked == 0:
        return
    while True:
        found = apply(config["homes"], DATA, table().users, asked)
        write_whole(USAGE, json.dumps(found))
        time.sleep(INTERVAL)


if __name__ == "__main__":
    main()
