"""TLS beneath NFS (RFC 9289): tlshd(8) does the handshakes for the kernel, with the certificates that are kept here."""

from __future__ import annotations

import json
import os
import subprocess
import time
from typing import TYPE_CHECKING

from imagegen.files import write_whole
from imagegen.node.hub import HubUnavailable
from imagegen.status import report

if TYPE_CHECKING:
    from imagegen.node.hub import Hub

# `/etc/tlshd.conf` names the files in it, and tlshd reads them for each handshake. They outlive a boot, so that a hub
# serves and a node mounts before either has heard of the other again.
FOLDER = "/var/lib/imagegen/homes-tls"
# tlshd wants these modes, and the folder is root's alone.
PARTS = {"authority": 0o644, "certificate": 0o644, "key": 0o600}
# tlshd compares the name that is mounted with the hub's certificate, and does not compare addresses.
HUB = "imagegen-hub"
HOSTS = "/etc/hosts"
PAUSE = 10  # seconds between two questions to the hub


def install(identity: dict[str, str]) -> None:
    """Puts a machine's certificate and key in their place, with the authority that both sides trust, and has the
    handshakes done."""
    os.makedirs(FOLDER, mode=0o700, exist_ok=True)
    for part, mode in PARTS.items():
        write_whole(f"{FOLDER}/{part}.pem", identity[part], mode)
    subprocess.run(["systemctl", "start", "tlshd.service"], check=True)


def name_hub(address: str) -> None:
    """Has this machine find the hub by its name in certificates, and no earlier one."""
    with open(HOSTS, "r+") as hosts:
        text = hosts.read()
        others = [line for line in text.splitlines() if HUB not in line.split()]
        wanted = "\n".join([*others, f"{address} {HUB}", ""])
        if text != wanted:
            # In place: the unit may write this file, and make no other beside it.
            hosts.seek(0)
            hosts.write(wanted)
            hosts.truncate()


def fetch(hub: Hub) -> None:
    """Gets this node's certificate from the hub, which may have another authority than before. A HubUnavailable says
    why not."""
    identity: dict[str, str] = json.loads(hub.ask("GET", "/v1/homes"))
    name_hub(hub.address)
    install(identity)


def wait(hub: Hub) -> None:
    """Does the same as soon as the hub answers. Without it a student who starts here would have no home."""
    while True:
        try:
            return fetch(hub)
        except HubUnavailable as reason:
            report(f"Waiting for the hub: {reason}.")
            time.sleep(PAUSE)
