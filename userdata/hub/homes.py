"""Makes the homes, and exports them to the workshop's network."""
import os
import shutil
import subprocess

from accounts import table
from address import find_interface
from common import announce, say, settings
from files import write_whole

EXPORTS = "/etc/exports.d/imagegen.exports"


def make_homes(folder):
    made = 0
    os.makedirs(folder, exist_ok=True)
    for name, (uid, gid, _) in table()[0].items():
        home = f"{folder}/{name}"
        if not os.path.isdir(home):
            unfinished = f"{folder}/.{name}.unfinished"
            shutil.rmtree(unfinished, ignore_errors=True)
            shutil.copytree("/etc/skel", unfinished, symlinks=True)
            for inner, folders, files in os.walk(unfinished):
                for entry in folders + files:
                    os.lchown(os.path.join(inner, entry), uid, gid)
            os.chmod(unfinished, 0o700)
            os.chown(unfinished, uid, gid)
            os.rename(unfinished, home)
            made += 1
        elif os.stat(home).st_uid != uid:
            os.chown(home, uid, gid)
            say(f"{home} belongs to {name} again.")
    if made:
        announce(f"{made} homes made.")


def make_shares(shares, links):
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


def exports(network, homes, shares):
    """What exports(5) gets: the homes to write, and shared folders to read unless they are to be written too."""
    common = "sync,root_squash,no_subtree_check"
    lines = [f"{homes} {network}(rw,{common})\n"]
    lines += [f"{folder} {network}({'rw' if writable else 'ro'},{common})\n" for folder, writable in shares]
    return "".join(lines)


def main():
    config = settings()
    make_homes(config["homes"])
    make_shares(config["shares"], config["links"])
    network = find_interface(config).network
    os.makedirs(os.path.dirname(EXPORTS), exist_ok=True)
    if write_whole(EXPORTS, exports(network, config["homes"], config["shares"])):
        subprocess.run(["exportfs", "-ra"], check=True)
        announce(f"The homes are open to {network}.")


if __name__ == "__main__":
    main()
