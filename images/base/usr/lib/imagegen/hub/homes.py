"""Makes the homes, and on ordinary images exports them to the workshop's network."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from imagegen.console import announce, fail, say
from imagegen.files import write_whole
from imagegen.hub.address import find_network
from imagegen.settings import settings
from imagegen.users import User, table

if TYPE_CHECKING:
    from collections.abc import Iterable

EXPORTS = "/etc/exports.d/imagegen.exports"
SKELETON = "/etc/skel"
MARKER = ".imagegen"


def make_home(folder: str, name: str, user: User) -> None:
    """A copy of the skeleton, which has its name only when it is whole."""
    unfinished = f"{folder}/.{name}.unfinished"
    subprocess.run(["cp", "-aT", SKELETON, unfinished], check=True)
    subprocess.run(["chown", "-hR", f"{user.uid}:{user.gid}", unfinished], check=True)
    os.chmod(unfinished, 0o700)
    os.rename(unfinished, f"{folder}/{name}")


def move(names: Iterable[str], source: str, target: str) -> None:
    """Moves the homes that are there, each in one step."""
    found = set(names).intersection(os.listdir(source))
    for name in found:
        os.renames(f"{source}/{name}", f"{target}/{name}")
    if found:
        announce(f"{len(found)} homes moved from {source} to {target}.")


def separate(folder: str, own: str, users: Iterable[str], unmarked: str) -> None:
    """Puts the homes of another workshop aside, whose users may have had the same names and UIDs, and takes back those
    that another one has put aside. After an interruption it goes on: the marker changes when everything is aside."""
    archive = f"{folder}/.archive"
    os.makedirs(f"{archive}/{own}", exist_ok=True)
    os.chmod(archive, 0o700)
    with open(f"{folder}/{MARKER}", "a+") as marker:
        marker.seek(0)
        before, *names = marker.read().split() or [unmarked]
    if before != own:
        move([*users, *names], folder, f"{archive}/{os.path.basename(before)}")
        names = []
    back = os.listdir(f"{archive}/{own}")
    # Its users as well: who leaves the workshop may have a namesake in the next one.
    write_whole(f"{folder}/{MARKER}", "\n".join([own, *sorted({*users, *names, *back})]))
    move(back, f"{archive}/{own}", folder)


def hand_over(home: str, user: User) -> None:
    """Gives every file of the home's old UID and GID to the new ones, the folder itself last: after an interruption it
    goes on. find(1) follows no links, stays in the file system, and takes little memory for any number of files."""
    old = os.stat(home)
    command = ["find", home, "-xdev", "-depth"]
    for owners in (f"--from=:{old.st_gid} :{user.gid}", f"--from={old.st_uid} {user.uid}"):
        command += ["-execdir", "chown", "-h", *owners.split(), "{}", "+"]
    subprocess.run(command, check=True)


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
    """What exports(5) gets: the homes to write, and shared folders to read unless they are to be written too. They are
    on the root file system, which subtree_check keeps out of reach."""
    return "".join(
        f"{folder} {network}({'rw' if writable else 'ro'},sync,root_squash,subtree_check)\n"
        for folder, writable in [(homes, True), *shares]
    )


def main() -> None:
    """Makes what is missing."""
    config = settings()
    folder, users, own = config["homes"], table().users, config.get("workshop_id", config["workshop"])
    if config.get("volume") and not os.path.ismount(folder):
        fail("There are no homes: their volume is not mounted.")
    os.makedirs(folder, exist_ok=True)
    # Homes from before there were markers are this workshop's on its own disk, or where it says so.
    theirs = config.get("volume") and not config.get("adopt")
    separate(folder, own, users, "unmarked" if theirs else own)
    make_homes(folder, users)
    make_shares(config.get("shares", []), config.get("links", {}))
    if "stock" in config:  # Golden images export to the nodes that are enrolled (imagegen.hub.exports).
        network = find_network(config)
        os.makedirs(os.path.dirname(EXPORTS), exist_ok=True)
        changed = write_whole(EXPORTS, exports(network, folder, config.get("shares", [])))
        subprocess.run(["exportfs", "-ra"], check=True)
        if changed:
            announce(f"Homes are exported over NFS to {network}.")


if __name__ == "__main__":
    main()
