"""Exports homes and shared folders over NFS to the nodes that have shown the workshop's key, and to no other machine.

The classic engine has no rendezvous, and its Docker and Consul trust the whole network anyway: its nodes are everybody
in the workshop's network."""

from __future__ import annotations

import ipaddress
import os
import re
import subprocess
import time
from typing import TYPE_CHECKING

from imagegen.console import announce, say
from imagegen.files import write_whole
from imagegen.hub import homes_authority
from imagegen.hub.address import find_network
from imagegen.hub.enrolment import ENROLLED, listed
from imagegen.settings import settings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from imagegen.schema import Settings

EXPORTS = "/etc/exports.d/imagegen.exports"
INTERVAL = 0.5  # seconds between two looks: a node mounts its first home a few seconds after it has enrolled
# Nodes enrol again within a minute or two after the hub has started again. Until then the earlier ones stay: their
# students' open files would be lost.
PATIENCE = 300  # seconds
ROOT = "/"


def enrolled(folder: str = ENROLLED) -> set[str]:
    """The addresses of the nodes that are enrolled now. Nothing is exported over IPv6."""
    try:
        return set(listed(folder))
    except FileNotFoundError:
        return set()


def earlier(path: str) -> set[str]:
    """The nodes to which the hub exported before it started again."""
    try:
        with open(path) as file:
            return set(re.findall(r" ([0-9.]+)/32\b", file.read()))
    except FileNotFoundError:
        return set()


def mount_point(folder: str) -> str | None:
    """Where the file system is mounted that a folder is on; None for the root file system."""
    folder = os.path.realpath(folder)
    if os.stat(folder).st_dev == os.stat(ROOT).st_dev:
        return None
    while not os.path.ismount(folder):
        folder = os.path.dirname(folder)
    return folder


def render(config: Settings, clients: Iterable[str]) -> str:
    """What exports(5) gets. Addresses are networks of one machine: names would be looked up for anything else."""
    names = " ".join(clients)
    folders: dict[str, bool] = {**dict(config.get("shares", [])), config["homes"]: True} if names else {}
    text = ""
    for folder, writable in folders.items():
        if point := mount_point(folder):
            # At a boot at which it is not mounted, the folder beneath is not exported either.
            transport = ",xprtsec=mtls" if config.get("homes_tls") else ""
            common = f"sync,root_squash,no_subtree_check,sec=sys,mountpoint={point}{transport}"
            text += f"{folder} -{'rw' if writable else 'ro'},{common} {names}\n"
        else:
            announce(f"{folder} is on the hub's root file system, and not exported.")
    return text


def export(config: Settings, clients: Iterable[str]) -> None:
    """Replaces what is exported."""
    os.makedirs(os.path.dirname(EXPORTS), exist_ok=True)
    write_whole(EXPORTS, render(config, clients))
    subprocess.run(["exportfs", "-ra"], check=True)


def in_order(addresses: Iterable[str]) -> list[str]:
    """By number."""
    return sorted(addresses, key=ipaddress.IPv4Address)


def follow(config: Settings) -> None:
    """Exports to the nodes that are enrolled, as they come and go."""
    before, started, exported = earlier(EXPORTS), time.monotonic(), None
    offered = homes_authority.prepare() if config.get("homes_tls") else None
    while True:
        if offered:
            homes_authority.offer(offered)
        wanted = enrolled()
        if time.monotonic() < started + PATIENCE:
            wanted |= before
        if wanted != exported:
            export(config, [f"{address}/32" for address in in_order(wanted)])
            tell(exported or set(), wanted)
            exported = wanted
        time.sleep(INTERVAL)


def tell(before: set[str], now: set[str]) -> None:
    """Who may mount homes from now on, and who may not any more."""
    for sentence, addresses in (("Homes are exported to", now - before), ("No longer exported to", before - now)):
        if addresses:
            say(f"{sentence} {', '.join(in_order(addresses))}.")


def main() -> None:
    """Follows the rendezvous for ever; with the classic engine it ends when the network has its homes."""
    config = settings()
    if config["engine"] == "classic":
        network = find_network(config)
        export(config, [str(network)])
        announce(f"Homes are exported over NFS to {network}.")
    else:
        follow(config)


if __name__ == "__main__":
    main()
