"""Gives the machine the workshop's accounts, with the same UIDs as everywhere."""

import fcntl
import os
import sys

from imagegen.console import announce, fail, say
from imagegen.settings import settings
from imagegen.users import TABLE, Group, Table, User, table

FILES = ("group", "gshadow", "shadow", "passwd")  # An account must not be there before its group and its password.
Lines = dict[str, list[str]]


def read(name: str, folder: str = "/etc") -> Lines:
    """A file of accounts: its lines as lists of fields, by the first of them."""
    with open(f"{folder}/{name}", newline="\n") as file:
        return {line.partition(":")[0]: line.rstrip("\n").split(":") for line in file}


def write(name: str, lines: Lines, folder: str) -> None:
    """Puts a file of accounts in place in one step, with the owner and mode that it had."""
    path = f"{folder}/{name}"
    before = os.stat(path)
    with open(f"{path}.imagegen", "w", newline="\n") as file:
        os.fchmod(file.fileno(), before.st_mode & 0o7777)
        os.fchown(file.fileno(), before.st_uid, before.st_gid)
        file.writelines(":".join(fields) + "\n" for fields in lines.values())
        file.flush()
        os.fsync(file.fileno())
    os.replace(file.name, path)


def clashes(kind: str, wanted: dict[str, int], here: Lines) -> list[str]:
    """Sentences on every name whose number is another one here, or another's."""
    owners = {fields[2]: name for name, fields in here.items() if len(fields) > 2}
    found = []
    for name, number in wanted.items():
        if name in here and here[name][2] != str(number):
            found.append(f"{name} should have {kind} {number} but has {here[name][2]}.")
        elif owners.get(str(number), name) != name:
            found.append(f"{name} should have {kind} {number}, which {owners[str(number)]} has.")
    return found


def conflicts(wanted: Table, passwd: Lines, group: Lines) -> list[str]:
    """Sentences on every account or group that stands in the way."""
    found = clashes("UID", {name: user.uid for name, user in wanted.users.items()}, passwd)
    found += clashes("GID", {name: group.gid for name, group in wanted.groups.items()}, group)
    for name, user in wanted.users.items():
        if name in passwd and passwd[name][3] != str(user.gid):
            found.append(f"{name} should have first GID {user.gid} but has {passwd[name][3]}.")
    return found


def add_groups(groups: dict[str, Group], files: dict[str, Lines]) -> set[str]:
    """Puts missing groups and members into `files`. Gives the names of the files that have changed."""
    changed: set[str] = set()
    for name, (gid, members) in groups.items():
        here = files["group"].get(name, [name, "x", str(gid), ""])
        everybody = ",".join(dict.fromkeys([*filter(None, here[3].split(",")), *members]))
        if name not in files["group"] or here[3] != everybody:
            files["group"][name] = [*here[:3], everybody]
            files["gshadow"][name] = [name, "!", "", everybody]
            changed |= {"group", "gshadow"}
    return changed


def add_users(users: dict[str, User], files: dict[str, Lines], homes: str) -> set[str]:
    """Puts missing users into `files`, with locked passwords. Gives the names of the files that have changed."""
    changed: set[str] = set()
    for name, (uid, gid) in users.items():
        if name not in files["passwd"]:
            files["shadow"][name] = [name, "!", "", "", "", "", "", "", ""]
            files["passwd"][name] = [name, "x", str(uid), str(gid), "", f"{homes}/{name}", "/bin/bash"]
            changed |= {"shadow", "passwd"}
    return changed


def main(path: str = TABLE, folder: str = "/etc", homes: str | None = None) -> None:
    """Makes all accounts of a table, or none where one stands in the way."""
    wanted = table(path)
    # The lock of lckpwdf(3), which useradd and passwd take too.
    with open(f"{folder}/.pwd.lock", "w") as lock:
        fcntl.lockf(lock, fcntl.LOCK_EX)
        files = {name: read(name, folder) for name in FILES}
        if found := conflicts(wanted, files["passwd"], files["group"]):
            fail("The accounts of the workshop cannot be made: " + " ".join(found))
        before = len(files["passwd"])
        changed = add_groups(wanted.groups, files)
        changed |= add_users(wanted.users, files, homes or settings()["homes"])
        for name in FILES:
            if name in changed:
                write(name, files[name], folder)
    if changed:
        announce(f"{len(files['passwd']) - before} accounts of the workshop made.")
    else:
        say("All accounts are there.")


if __name__ == "__main__":
    main(*sys.argv[1:])
