"""Gives the machine the workshop's accounts, with the same UIDs as everywhere."""
import grp
import os
import pwd
import subprocess
import tempfile

from common import announce, fail, say, users


def conflicts(wanted, accounts, groups):
    """Sentences on every account or group that stands in the way."""
    uid_of = {name: uid for name, uid, _ in accounts}
    name_of = {uid: name for name, uid, _ in accounts}
    gid_of = dict(groups)
    group_of = {gid: name for name, gid in groups}
    primary = {name: gid for name, _, gid in accounts}
    found = []
    for name, uid, gid, _ in wanted:
        if uid_of.get(name, uid) != uid:
            found.append(f"{name} should have UID {uid} and has {uid_of[name]} here.")
        if name_of.get(uid, name) != name:
            found.append(f"UID {uid} should be {name}'s and belongs to {name_of[uid]} here.")
        if gid_of.get(name, gid) != gid:
            found.append(f"Group {name} should have GID {gid} and has {gid_of[name]} here.")
        if group_of.get(gid, name) != name:
            found.append(f"GID {gid} should be {name}'s and belongs to {group_of[gid]} here.")
        if primary.get(name, gid) != gid:
            found.append(f"{name} should be in group {gid} first and is in {primary[name]} here.")
    return found


def sysusers(missing):
    """The missing accounts in the format of sysusers.d(5); it locks their passwords."""
    lines = []
    for name, uid, gid, full_name in missing:
        lines.append(f"g {name} {gid}")
        lines.append(f'u {name} {uid}:{gid} "{full_name or name}" /home/{name} /bin/bash')
    return "\n".join(lines) + "\n"


def present():
    accounts = [(entry.pw_name, entry.pw_uid, entry.pw_gid) for entry in pwd.getpwall()]
    return accounts, [(entry.gr_name, entry.gr_gid) for entry in grp.getgrall()]


def main():
    wanted = users()
    accounts, groups = present()
    found = conflicts(wanted, accounts, groups)
    if found:
        fail("The accounts of the workshop cannot be made: " + " ".join(found))
    known = {name for name, _, _ in accounts}
    missing = [user for user in wanted if user[0] not in known]
    if not missing:
        say(f"All {len(wanted)} accounts are there.")
        return
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as table:
        table.write(sysusers(missing))
        table.flush()
        os.chmod(table.name, 0o644)
        subprocess.run(["systemd-sysusers", table.name], check=True)
    accounts, groups = present()
    known = {name for name, _, _ in accounts}
    found = conflicts(wanted, accounts, groups) + [f"{user[0]} is missing." for user in wanted if user[0] not in known]
    if found:
        fail("The accounts of the workshop were not made as they should be: " + " ".join(found))
    announce(f"{len(missing)} accounts of the workshop made.")


if __name__ == "__main__":
    main()
