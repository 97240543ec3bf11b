"""Makes the homes, and exports them to the workshop's network."""

import os
import shutil
import subprocess

from imagegen.console import announce, say
from imagegen.files import write_whole
from imagegen.hub.address import find_interface
from imagegen.settings import settings
from imagegen.users import User, table

EXPORTS = "/etc/exports.d/imagegen.exports"
SKELETON = "/etc/skel"


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


def make_homes(folder: str, users: dict[str, User]) -> None:
    """A home for everybody who has none."""
    made = 0
    os.makedirs(folder, exist_ok=True)
    for name, user in users.items():
        home = f"{folder}/{name}"
        if not os.path.isdir(home):
            make_home(folder, name, user)
            made += 1
        elif os.stat(home).st_uid != user.uid:
            os.chown(home, user.uid, user.gid)
            say(f"{home} belongs to {name} again.")
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
    make_homes(config["homes"], table().users)
    make_shares(config["shares"], config["links"])
    network = find_interface(config).network
    os.makedirs(os.path.dirname(EXPORTS), exist_ok=True)
    if write_whole(EXPORTS, exports(network, config["homes"], config["shares"])):
        subprocess.run(["exportfs", "-ra"], check=True)
        announce(f"Homes are exported over NFS to {network}.")


if __name__ == "__main__":
    main()
