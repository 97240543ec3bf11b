"""Makes the homes, and exports them to the workshop's network."""

import os
import re
import shutil
import subprocess

from imagegen.console import announce, say
from imagegen.files import write_whole
from imagegen.hub.address import find_network
from imagegen.settings import settings
from imagegen.users import User, table

EXPORTS = "/etc/exports.d/imagegen.exports"
SKELETON = "/etc/skel"
MARKER = ".imagegen"
UNMARKED = "unmarked"


def make_home(folder: str, name: str, user: User) -> None:
    """A copy of the skeleton, which has its name only when it is whole."""
    unfinished = f"{folder}/.{name}.unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    shutil.copytree(SKELETON, unfinished, symlinks=True)
    for inner, folders, files in os.walk(unfinished):
        for entry in folders + files:
            os.lchown(os.path.join(inner, entry), user.uid, user.gid)
    os.chmod(unfinished, 0o700)
    os.chown(unfinished, user.uid, user.gid)
    os.rename(unfinished, f"{folder}/{name}")


def read_marker(folder: str) -> list[str]:
    """Whose homes a folder has: the workshop's id and the names of its users; nothing where it has none yet."""
    try:
        with open(f"{folder}/{MARKER}") as file:
            return file.read().split()
    except FileNotFoundError:
        return []


def archive(folder: str, workshop: str) -> str:
    """Where the homes of a workshop are while the folder belongs to another one."""
    return f"{folder}/.archive/" + re.sub(r"\W", "-", workshop)


def move(names: list[str], source: str, target: str) -> int:
    """Moves the homes that are there, each in one step; returns how many."""
    names = [name for name in dict.fromkeys(names) if "/" not in name and os.path.isdir(f"{source}/{name}")]
    if names:
        os.makedirs(os.path.dirname(target), 0o700, exist_ok=True)  # The archive is for root alone.
        os.makedirs(target, exist_ok=True)
    for name in names:
        free = name
        while os.path.lexists(f"{target}/{free}"):
            free += "~"
        os.rename(f"{source}/{name}", f"{target}/{free}")
    return len(names)


def separate(folder: str, own: str, users: list[str], unmarked: str) -> None:
    """Puts the homes of another workshop aside, whose users may have had the same names and UIDs, and takes back those
    that another one has put aside. Interrupted at any point, it goes on: the marker changes when everything is
    aside."""
    before, *names = read_marker(folder) or [unmarked]
    if before != own:
        if aside := move([*names, *users], folder, archive(folder, before)):
            announce(f"{aside} homes of another workshop ({before}) are kept aside in {archive(folder, before)}.")
        names = []
    returning = os.listdir(archive(folder, own)) if os.path.isdir(archive(folder, own)) else []
    write_whole(f"{folder}/{MARKER}", "\n".join([own, *sorted({*names, *users, *returning})]) + "\n")
    if returning:
        announce(f"{move(returning, archive(folder, own), folder)} homes of this workshop are back.")


def hand_over(home: str, user: User) -> None:
    """Gives every file of the home's old UID and GID to the new ones, the folder itself last: what is interrupted
    begins again. find(1) follows no links, stays in the file system, and takes little memory for any number of
    files."""
    old = os.lstat(home)
    for kind, tool, before, now in (("gid", "chgrp", old.st_gid, user.gid), ("uid", "chown", old.st_uid, user.uid)):
        if before != now:
            chosen = ["find", home, "-xdev", "-depth", f"-{kind}", str(before)]
            subprocess.run([*chosen, "-execdir", tool, "-h", str(now), "{}", "+"], check=True)


def make_homes(folder: str, users: dict[str, User]) -> None:
    """A home for everybody who has none."""
    made = 0
    for name, user in users.items():
        home = f"{folder}/{name}"
        if not os.path.isdir(home):
            make_home(folder, name, user)
            made += 1
        elif os.stat(home).st_uid != user.uid:
            hand_over(home, user)
            say(f"{home} with all its files belongs to {name} again.")
    if made:
        announce(f"{made} homes made.")


def make_shares(shares: list[tuple[str, bool]], links: dict[str, str]) -> None:
    """Folders, to which students write where they are writable, and links to them for notebooks on the hub."""
    for folder, writable in shares:
        if not os.path.isdir(folder):
            os.makedirs(folder)
            if writable:
                os.chmod(folder, 0o1777)
    for path, folder in links.items():
        if not os.path.lexists(path):
            os.makedirs(os.path.dirname(path), exist_ok=True)
            os.symlink(folder, path)


def exports(network: object, homes: str, shares: list[tuple[str, bool]]) -> str:
    """What exports(5) gets: the homes to write, and shared folders to read unless they are to be written too."""
    common = "sync,root_squash,no_subtree_check"
    lines = [f"{homes} {network}(rw,{common})\n"]
    lines += [f"{folder} {network}({'rw' if writable else 'ro'},{common})\n" for folder, writable in shares]
    return "".join(lines)


def main() -> None:
    """Makes what is missing, and exports it."""
    config = settings()
    folder, users, own = config["homes"], table().users, config.get("workshop_id", config["workshop"])
    os.makedirs(folder, exist_ok=True)
    # Homes from before there were markers are this workshop's on its own disk, or where it says so.
    theirs = config.get("volume") and not config.get("adopt")
    separate(folder, own, list(users), UNMARKED if theirs else own)
    make_homes(folder, users)
    make_shares(config["shares"], config["links"])
    network = find_network(config)
    os.makedirs(os.path.dirname(EXPORTS), exist_ok=True)
    changed = write_whole(EXPORTS, exports(network, folder, config["shares"]))
    subprocess.run(["exportfs", "-ra"], check=True)
    if changed:
        announce(f"Homes are exported over NFS to {network}.")


if __name__ == "__main__":
    main()
