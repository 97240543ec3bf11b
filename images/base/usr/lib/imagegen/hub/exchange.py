"""What ordinary machines bring each other where their user-data has no room for both the programs and the UID table:
the hub has the programs, and hands them to its nodes; the nodes have the table, of which the hub knows the SHA-256."""

from __future__ import annotations

import base64
import glob
import hashlib
import lzma
import os
import time
from typing import TYPE_CHECKING

from imagegen.console import announce
from imagegen.files import write_whole
from imagegen.hub import rendezvous
from imagegen.users import TABLE, parse

if TYPE_CHECKING:
    from imagegen.schema import Settings

RECEIVED = "/run/imagegen-rendezvous/users"  # where the rendezvous, which is not root, leaves it
LARGEST = 1 << 20  # bytes of a table
OK, REFUSED, NOT_FOUND, WANTED, UNAVAILABLE = 200, 400, 404, 428, 503
SHARED = ("/usr/lib/imagegen/*.py", "/usr/lib/imagegen/node/*.py")


def digest(text: str) -> str:
    """SHA-256 of what a table says, however it says it."""
    users, groups = parse(text)
    lines = [f"{uid}:{gid}:{name}\n" for name, (uid, gid) in users.items()]
    lines += [f"@{gid}:{name}:{','.join(members)}\n" for name, (gid, members) in groups.items() if members]
    return hashlib.sha256("".join(sorted(lines)).encode()).hexdigest()


def take(text: str, config: Settings, received: str = RECEIVED) -> bool:
    """Keeps a table if it is the right one."""
    try:
        right = digest(text) == config["users_sha256"]
    except (KeyError, ValueError, IndexError):
        return False
    if right:
        write_whole(received, text)
    return right


def wait_for_table(config: Settings, received: str = RECEIVED, table: str = TABLE) -> None:
    """Returns when the table is in its place."""
    said = False
    while not os.path.exists(table):
        try:
            with open(received) as file:
                text = file.read()
            if digest(text) == config["users_sha256"]:
                write_whole(table, text)
        except FileNotFoundError:
            if not said:
                said = True
                announce("Waiting for the table of users, which the first node brings.")
            time.sleep(2)


def programs() -> str:
    """The programs that hub and nodes share, packed like those that travel with user-data."""
    fields = []
    for path in sorted(path for pattern in SHARED for path in glob.glob(pattern)):
        with open(path) as file:
            fields += ["0644", path, file.read()]
    packed = lzma.compress("".join(f"{field}\0" for field in fields).encode(), lzma.FORMAT_ALONE)
    return base64.b85encode(packed).decode()


class Handler(rendezvous.Handler):
    """Answers for programs and takes the table, beside all else."""

    def verdict(self) -> tuple[int, str]:
        """A node that could join, if only the hub had the table, is asked for it."""
        status, text = super().verdict()
        if status == NOT_FOUND and self.path == "/v1/programs":
            return OK, programs()
        wanted = "users_sha256" in self.server.config and not os.path.exists(f"{self.server.folder}/users")
        return (WANTED, "it waits for the table of users\n") if status == UNAVAILABLE and wanted else (status, text)

    def do_PUT(self) -> None:
        """A node brings the table."""
        status, text = super().verdict()
        length = int(self.headers.get("Content-Length", "0"))
        if status == NOT_FOUND and self.path == "/v1/users" and 0 < length <= LARGEST:
            table = self.rfile.read(length).decode("ascii", "replace")
            taken = take(table, self.server.config, f"{self.server.folder}/users")
            status, text = (OK, "") if taken else (REFUSED, "It is not this workshop's table of users.\n")
        self.reply(status, text)
