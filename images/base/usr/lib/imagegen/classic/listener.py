"""Opens Docker's port 2375 at a node's private address, behind a firewall that admits the hub alone.

There is neither encryption nor a password on that port, and it gives root's rights: the rules come first."""

from __future__ import annotations

import ipaddress
import os
import subprocess
import time
from typing import TYPE_CHECKING

from imagegen.classic.health import MANAGER_PORT, STORE_PORT
from imagegen.console import announce
from imagegen.files import write_whole
from imagegen.routes import route_source

if TYPE_CHECKING:
    from imagegen.schema import Settings

SOCKET = "imagegen-docker.socket"
ENVIRONMENT = "/run/imagegen/docker.env"  # docker.service reads it.
DOCKER = 2375


def rules(hub: str, network: object) -> str:
    """For iptables-restore. In the table `raw` they come before all that Docker makes. Containers reach none of the
    ports, here or elsewhere; from outside, the hub reaches Docker, and the network the hub's key-value store."""
    bridges, ports = ("docker+", "br-+"), (DOCKER, MANAGER_PORT, STORE_PORT)
    drops = [f"-i {bridge} -p tcp --dport {port}" for port in ports for bridge in bridges]
    local = "! -i lo -p tcp -m addrtype --dst-type LOCAL --dport"
    drops += [f"{local} {DOCKER} ! -s {hub}", f"{local} {MANAGER_PORT}"]
    drops += [f"{local} {STORE_PORT}" + (f" ! -s {network}" if network else "")]
    return "\n".join(["*raw", ":IMAGEGEN - [0:0]", *(f"-A IMAGEGEN {drop} -j DROP" for drop in drops), "COMMIT", ""])


def apply(text: str) -> None:
    """Replaces our rules, and has the kernel look at them first."""
    subprocess.run(["iptables-restore", "--wait", "--noflush"], input=text, text=True, check=True)
    jump = ["PREROUTING", "-j", "IMAGEGEN"]
    check = ["iptables", "-w", "-t", "raw", "-C", *jump]
    if subprocess.run(check, stderr=subprocess.DEVNULL).returncode:
        subprocess.run(["iptables", "-w", "-t", "raw", "-I", *jump], check=True)


def addresses(config: Settings) -> tuple[str, str, object]:
    """Our own address, the hub's, and the network that may ask the hub's key-value store."""
    if "hub" not in config:
        from imagegen.hub.address import find_interface, find_network

        address = str(find_interface(config).ip)
        return address, address, find_network(config)
    while not (own := route_source(config["hub"])):
        time.sleep(2)
    return own, config["hub"], None


def is_active(unit: str) -> bool:
    """Whether systemd runs the unit."""
    return not subprocess.run(["systemctl", "--quiet", "is-active", unit]).returncode


def listen(own: str) -> None:
    """systemd hands the socket to dockerd as it does with the Unix socket; it cannot, once dockerd runs."""
    unit = f"[Socket]\nListenStream={own}:{DOCKER}\nFreeBind=yes\nService=docker.service\n"
    changed = write_whole(f"/run/systemd/system/{SOCKET}", unit)
    if changed:
        subprocess.run(["systemctl", "daemon-reload"], check=True)
    if not changed and is_active(SOCKET):
        return
    running = is_active("docker.service")
    if running:
        subprocess.run(["systemctl", "stop", "docker.service"], check=True)
    subprocess.run(["systemctl", "restart", SOCKET], check=True)
    if running:
        subprocess.run(["systemctl", "start", "--no-block", "docker.service"], check=True)


def open_docker(config: Settings) -> None:
    """Opens the port, behind its firewall. The hub carries no servers, and has the firewall alone."""
    own, hub, network = addresses(config)
    ipaddress.ip_address(hub)
    apply(rules(hub, network))
    # The standalone Swarm speaks version 1.31 of Docker's API at most, which Docker 29 refuses by default.
    write_whole(ENVIRONMENT, "DOCKER_MIN_API_VERSION=1.24\n")
    os.makedirs("/run/systemd/system", exist_ok=True)
    if "hub" not in config:
        return
    listen(own)
    announce(f"Docker listens at {own}:{DOCKER}, to the hub at {hub} alone.")
