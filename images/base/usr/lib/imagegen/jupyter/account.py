"""The accounts of the machine, as containers need them."""

import grp
import pwd
from typing import NamedTuple


class Account(NamedTuple):
    """A student's account."""

    name: str
    uid: int
    gid: int
    groups: tuple[int, ...]  # GIDs without the first one
    home: str  # its path in the container


def find(name: str) -> Account:
    """The machine's account of that name. A KeyError says that there is none."""
    entry = pwd.getpwnam(name)
    groups = sorted(each.gr_gid for each in grp.getgrall() if name in each.gr_mem and each.gr_gid != entry.pw_gid)
    return Account(name, entry.pw_uid, entry.pw_gid, tuple(groups), f"/home/{name}")
