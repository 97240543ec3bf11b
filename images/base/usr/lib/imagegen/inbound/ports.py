"""The table of open ports, and a machine's rules of it."""

from __future__ import annotations

import json
import os
import pwd
from typing import TYPE_CHECKING, Literal, TypedDict

if TYPE_CHECKING:
    from imagegen.schema import Settings

TABLE = os.path.join(os.path.dirname(__file__), "ports.json")
# Golden machines have it only where the workshop has `admin_ssh_keys`.
SSH = "/etc/ssh/sshd_config.d/10-imagegen.conf"
# With the classic engine, of Docker and of the manager, which ask for no password: whose programs on the hub use them.
USERS = {2375: ("root",), 4000: ("root", "jupyterhub")}


class _Always(TypedDict):
    role: Literal["hub", "node"]
    owner: str
    protocol: Literal["tcp", "udp"]
    ports: tuple[int, int]
    peer: Literal["anywhere", "network", "enrolled", "hub"]
    engines: list[Literal["swarm", "classic"]]


class Port(_Always, total=False):
    """A line of the table: an owner who listens, from the first port to the last, and a peer who may connect."""

    only_with: Literal["admin_ssh_keys"]


def table(path: str = TABLE) -> list[Port]:
    """All lines."""
    with open(path) as file:
        found: list[Port] = json.load(file)
    return found


def is_open(port: Port, config: Settings, ssh: str = SSH) -> bool:
    """Whether this machine has the port's owner."""
    if port["role"] != config["role"] or config["engine"] not in port["engines"]:
        return False
    return "only_with" not in port or os.path.exists(ssh)


def rule(port: Port) -> str:
    """What lets the peer in, for nft(8)."""
    peer = "" if port["peer"] == "anywhere" else f"ip saddr @{port['peer']} "
    first, last = port["ports"]
    return f"{peer}{port['protocol']} dport {first if first == last else f'{first}-{last}'} accept"


def departing(config: Settings) -> list[str]:
    """What keeps the other services of a classic hub from root's rights on nodes, for nft(8)."""
    if (config["role"], config["engine"]) != ("hub", "classic"):
        return []
    known = {user.pw_name: str(user.pw_uid) for user in pwd.getpwall()}
    allowed = {port: ", ".join(known[name] for name in names if name in known) for port, names in USERS.items()}
    return [f"tcp dport {port} meta skuid != {{ {uids} }} reject with tcp reset" for port, uids in allowed.items()]
