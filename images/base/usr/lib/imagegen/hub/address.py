"""Which of its addresses the hub has in the workshop's network, and which network that is."""

from __future__ import annotations

import ipaddress
import json
import subprocess
import time
from typing import TYPE_CHECKING, Any

from imagegen.console import announce
from imagegen.files import write_whole
from imagegen.routes import route_source

if TYPE_CHECKING:
    from imagegen.schema import Settings

# What was decided at this boot. All services of the hub read it, so that an address that comes later changes nothing.
DECIDED = "/run/imagegen/address"
# Somewhere in the internet: an address that is kept for examples (RFC 5737).
OUTSIDE = "192.0.2.1"


def candidates(links: list[dict[str, Any]]) -> list[ipaddress.IPv4Interface]:
    """The addresses that other machines may know, out of what `ip -j -4 address` prints: not Docker's, and none of the
    loopback interface, where an address may be for the machine itself."""
    return [
        ipaddress.IPv4Interface(f"{entry['local']}/{entry['prefixlen']}")
        for link in links
        if "LOOPBACK" not in link["flags"] and not link["ifname"].startswith(("docker", "veth", "br-"))
        for entry in link["addr_info"]
        if entry.get("scope") == "global"
    ]


def choose(
    found: list[ipaddress.IPv4Interface], config: Settings, outward: str | None
) -> ipaddress.IPv4Interface | None:
    """The one that was asked for, or one in the workshop's network, or on the way out, or the first."""
    if asked := config.get("hub_ip"):
        return next((each for each in found if str(each.ip) == asked), None)
    if network := config.get("network"):
        return next((each for each in found if each.ip in ipaddress.ip_network(network)), None)
    return next((each for each in found if str(each.ip) == outward), found[0] if found else None)


def shown(what: str) -> list[dict[str, Any]]:
    """What ip(8) shows of this machine's addresses or routes."""
    command = ["ip", "-j", "-4", what]
    found: list[dict[str, Any]] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return found


def present() -> list[ipaddress.IPv4Interface]:
    """The candidates of this machine at this moment."""
    return candidates(shown("address"))


def decided(found: list[ipaddress.IPv4Interface]) -> ipaddress.IPv4Interface | None:
    """What was decided before, if this machine still has it."""
    try:
        with open(DECIDED) as file:
            own = ipaddress.IPv4Interface(file.read().strip())
    except (FileNotFoundError, ValueError):
        return None
    return own if own in found else None


def find_interface(config: Settings) -> ipaddress.IPv4Interface:
    """The hub's address with its prefix; waits until there is one, and says so."""
    said = False
    while True:
        found = present()
        interface = decided(found) or choose(found, config, route_source(OUTSIDE))
        if interface:
            remember(interface)
            return interface
        if not said:
            wanted = config.get("hub_ip") or config.get("network")
            announce(f"Waiting for the workshop's address {wanted}." if wanted else "Waiting for an address.")
            said = True
        time.sleep(2)


def remember(interface: ipaddress.IPv4Interface) -> None:
    """Services without the right to write it read it."""
    try:
        write_whole(DECIDED, f"{interface}\n")
    except OSError:
        pass


def around(own: ipaddress.IPv4Interface, routes: list[dict[str, Any]]) -> ipaddress.IPv4Network | None:
    """The network around an address: its own prefix, or with a prefix of /32 the largest network with a route."""
    networks = [own.network, *(ipaddress.IPv4Network(each["dst"]) for each in routes if each["dst"] != "default")]
    found = [each for each in networks if own.ip in each and 7 < each.prefixlen < 32]
    return min(found, key=lambda each: (each != own.network, each.prefixlen), default=None)


def find_network(config: Settings) -> ipaddress.IPv4Network:
    """To which network homes are exported, and the rendezvous answers: the one that the workshop names, or the one
    around the hub's address. Waits until there is one, and says so."""
    while not (network := config.get("network") or around(own := find_interface(config), shown("route"))):
        announce(f"The hub's address {own} is in no network: set `network.cidr` in the workshop.")
        time.sleep(60)
    return ipaddress.IPv4Network(network)
