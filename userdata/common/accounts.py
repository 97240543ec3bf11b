"""Gives the machine the workshop's accounts, with the same UIDs as everywhere."""
import fcntl
import os
import sys

from common import announce, fail, say, settings

# A line is UID[:GID], name, full name; the name `s{08..10}` stands for three users with UIDs that follow.
# `@GID`, group, members makes a group. `+1000 5 7`, `ada bob eve` are many: each number is added to the UID before.
TABLE = "/etc/imagegen/users"
FILES = ("group", "gshadow", "shadow", "passwd")  # An account must not be there before its group and its password.


def numbered(names):
    prefix, brace, bounds = names.partition("{")
    if not brace:
        return [names]
    first, last = bounds[:-1].split("..")
    return [f"{prefix}{number:0{len(first)}}" for number in range(int(first), int(last) + 1)]


def table(path=TABLE):
    """The users as {name: (UID, GID, full name)} and the groups as {name: (GID, members)}, their own ones among them."""
    users, groups = {}, {}
    with open(path, newline="\n") as file:
        rows = [line.rstrip("\n").split("\t") for line in file]
    for ids, names, *rest in rows:
        if ids[0] == "@":
            groups[names] = int(ids[1:]), [member for part in rest[0].split(",") if part for member in numbered(part)]
        elif ids[0] == "+":
            uid = 0
            for step, name in zip(ids.split(), names.split()):
                uid += int(step)
                users[name] = uid, uid, ""
        else:
            uid, _, gid = ids.partition(":")
            for uid, name in enumerate(numbered(names), int(uid)):
                users[name] = uid, int(gid or uid), "".join(rest)
    shared = {gid for gid, _ in groups.values()}
    groups.update((name, (gid, [])) for name, (_, gid, _) in users.items() if gid not in shared)
    return users, groups


def read(name, folder="/etc"):
    """A file of accounts: its lines as lists of fields, by the first of them."""
    with open(f"{folder}/{name}", newline="\n") as file:
        return {line.partition(":")[0]: line.rstrip("\n").split(":") for line in file}


def write(name, lines, folder):
    path = f"{folder}/{name}"
    before = os.stat(path)
    with open(f"{path}.imagegen", "w", newline="\n") as file:
        os.fchmod(file.fileno(), before.st_mode & 0o7777)
        os.fchown(file.fileno(), before.st_uid, before.st_gid)
        file.writelines(":".join(fields) + "\n" for fields in lines.values())
        file.flush()
        os.fsync(file.fileno())
    os.replace(file.name, path)


def conflicts(users, groups, passwd, group):
    """Sentences on every account or group that stands in the way."""
    found = []
    for kind, wanted, here in (("UID", users, passwd), ("GID", groups, group)):
        owners = {fields[2]: name for name, fields in here.items() if len(fields) > 2}
        for name, (number, *_) in wanted.items():
            if name in here and here[name][2] != str(number):
                found.append(f"{name} should have {kind} {number} and has {here[name][2]} here.")
            elif owners.get(str(number), name) != name:
                found.append(f"{name} should have {kind} {number}, which is {owners[str(number)]}'s here.")
    for name, (_, gid, _) in users.items():
        if name in passwd and passwd[name][3] != str(gid):
            found.append(f"{name} should be in group {gid} first and is in {passwd[name][3]} here.")
    return found


def add(users, groups, files, homes):
    """Puts what is missing into `files`, with locked passwords. Gives the names of the files that have changed."""
    changed = set()
    for name, (gid, members) in groups.items():
        here = files["group"].get(name, [name, "x", str(gid), ""])
        all_members = list(dict.fromkeys([*filter(None, here[3].split(",")), *members]))
        if name not in files["group"] or here[3] != ",".join(all_members):
            files["group"][name] = [*here[:3], ",".join(all_members)]
            files["gshadow"][name] = [name, "!", "", ",".join(all_members)]
            changed |= {"group", "gshadow"}
    for name, (uid, gid, full_name) in users.items():
        if name not in files["passwd"]:
            files["shadow"][name] = [name, "!", "", "", "", "", "", "", ""]
            files["passwd"][name] = [name, "x", str(uid), str(gid), full_name, f"{homes}/{name}", "/bin/bash"]
            changed |= {"shadow", "passwd"}
    return changed


def main(path=TABLE, folder="/etc"):
    users, groups = table(path)
    # The lock of lckpwdf(3), which useradd and passwd take too.
    with open(f"{folder}/.pwd.lock", "w") as lock:
        fcntl.lockf(lock, fcntl.LOCK_EX)
        files = {name: read(name, folder) for name in FILES}
        if found := conflicts(users, groups, files["passwd"], files["group"]):
            fail("The accounts of the workshop cannot be made: " + " ".join(found))
        before = len(files["passwd"])
        changed = add(users, groups, files, settings()["homes"])
        for name in FILES:
            if name in changed:
                write(name, files[name], folder)
    if changed:
        announce(f"{len(files['passwd']) - before} accounts of the workshop made.")
    else:
        say(f"All {len(users)} accounts are there.")


if __name__ == "__main__":
    main(*sys.argv[1:])
