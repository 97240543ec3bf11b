"""Keeps the homes of an ordinary image's own users where autofs covers /home with the students' homes.

The folder is kept aside, and autofs binds those homes from there."""

import os
import subprocess

from imagegen.files import write_whole

KEPT = "/var/lib/imagegen/home"
MAP = "/etc/auto.imagegen-local"


def map_lines(kept: str) -> str:
    """A line of autofs's map for each home that is there."""
    names = sorted(name for name in os.listdir(kept) if os.path.isdir(f"{kept}/{name}") and not os.path.islink(f"{kept}/{name}"))
    return "".join(f"{name} -fstype=bind :{kept}/{name}\n" for name in names)


def keep(kept: str = KEPT, path: str = MAP) -> None:
    """Binds the folder aside, once, and writes the map."""
    os.makedirs(kept, exist_ok=True)
    if not os.path.ismount(kept):
        # Private, or what autofs mounts at /home would appear here too.
        subprocess.run(["mount", "--bind", "--make-private", "/home", kept], check=True)
    write_whole(path, map_lines(kept))
