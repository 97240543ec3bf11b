"""Keeps the homes of an ordinary image's own users where autofs covers /home with the students' homes.

The folder is kept aside, and autofs binds those homes from there."""

import os
import subprocess

from imagegen.files import write_whole

KEPT = "/var/lib/imagegen/home"
MAP = "/etc/auto.imagegen-local"


def map_lines(kept: str) -> str:
    """A line of autofs's map for each home that is there."""
    names = sorted(entry.name for entry in os.scandir(kept) if entry.is_dir(follow_symlinks=False))
    return "".join(f"{name} -fstype=bind :{kept}/{name}\n" for name in names)


def keep(kept: str = KEPT, path: str = MAP) -> None:
    """Binds the folder aside, once, and writes the map."""
    os.makedirs(kept, exist_ok=True)
    # os.path.ismount does not see a folder that is bound within its own file system.
    if subprocess.run(["mountpoint", "-q", kept]).returncode:
        # Private, or what autofs mounts at /home would appear here too.
        subprocess.run(["mount", "--bind", "--make-private", "/home", kept], check=True)
    write_whole(path, map_lines(kept))
