"""What the hub knows: the organiser's settings from the user-data, and the accounts of the machine."""
import grp
import json
import os
import pwd
from typing import NamedTuple

SETTINGS = "/etc/imagegen/settings.json"


class Account(NamedTuple):
    name: str
    uid: int
    gid: int
    groups: tuple  # of GIDs, the first one not among them
    home: str  # where the containers have it


def account(name):
    """The machine's account of that name. A KeyError says that there is none."""
    entry = pwd.getpwnam(name)
    groups = tuple(sorted(each.gr_gid for each in grp.getgrall() if name in each.gr_mem and each.gr_gid != entry.pw_gid))
    return Account(name, entry.pw_uid, entry.pw_gid, groups, f"/home/{name}")


def load(path=SETTINGS):
    with open(path) as file:
        return json.load(file)


def secret(name):
    """What the first boot made, from the environment that systemd gives us."""
    return os.environ[name]
