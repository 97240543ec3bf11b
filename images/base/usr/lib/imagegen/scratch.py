"""Limits what a student's container may write to this machine's own disk: its layer with /tmp, and its volumes.

Containers run under the students' UIDs, and so what they write counts for those. A student who reaches the limit reads
"Disk quota exceeded"; the neighbours go on."""

import os

from imagegen import docker_options
from imagegen.console import announce, say
from imagegen.quotas import Amount, enforce, limit, size
from imagegen.settings import settings
from imagegen.users import table

MIB = 1 << 20
LEAST, MOST = 256 * MIB, 10 * 1024 * MIB
PARTS = 8  # of the disk, one of which a student may fill


def share(asked: int | None, disk: Amount) -> Amount:
    """What each may have on a disk of this size."""
    return Amount(asked or max(LEAST, min(MOST, disk.bytes // PARTS)), disk.files // PARTS)


def main() -> None:
    """Sets everybody's limits. A disk of the organiser's own may not count what users store."""
    asked = settings().get("scratch")
    if asked == 0:
        return
    root = docker_options.data_root()
    os.makedirs(root, mode=0o710, exist_ok=True)
    if not enforce(root):
        announce(f"Containers may fill the disk with {root}: its file system has no quotas.")
        return
    most = share(asked, size(root))
    for user in table().users.values():
        limit(root, user.uid, most)
    say(f"Each student may store {most.bytes // MIB} MiB outside the home and shared folders on this machine.")


if __name__ == "__main__":
    main()
