"""What a machine knows of its surroundings, for the sets of its firewall."""

from __future__ import annotations

import ipaddress
import json
import os
from contextlib import suppress
from typing import TYPE_CHECKING

from imagegen.hub import address
from imagegen.hub.enrolment import ENROLLED, listed
from imagegen.routes import route_source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imagegen.schema import Settings

    Network = ipaddress.IPv4Network | ipaddress.IPv6Network
    Sets = dict[str, list[str]]

ROUTES_4, ROUTES_6 = "/proc/net/fib_trie", "/proc/net/ipv6_route"
# The first has the servers themselves where the second names systemd-resolved.
RESOLVERS = ("/run/systemd/resolve/resolv.conf", "/etc/resolv.conf")
DOCKER = "/etc/docker/daemon.json"
# Interfaces of the machine itself, and of Docker.
INNER = ("lo", "docker", "veth", "br-")
# By these `ip -j route` tells that a route leads over another machine, or nowhere.
FURTHER = {"gateway", "via", "nexthops", "type"}
# Wider ones, such as 128.0.0.0/1, are ways out and no network of neighbours.
WIDEST = 8


def read(path: str) -> str:
    """A file's text, or nothing where there is none."""
    with suppress(OSError), open(path, errors="replace") as file:
        return file.read()
    return ""


def on_link_4() -> list[ipaddress.IPv4Network]:
    """The networks in which this machine reaches others without a gateway."""
    found = [
        ipaddress.IPv4Network(each["dst"])
        for each in address.shown("route")
        if not FURTHER & each.keys() and each["dst"] != "default" and not each["dev"].startswith(INNER)
    ]
    return [each for each in found if each.prefixlen >= WIDEST]


def on_link_6(text: str) -> list[ipaddress.IPv6Network]:
    """The same, out of the kernel's table: destination, its prefix, two fields more, gateway, four more, interface."""
    found = []
    for fields in map(str.split, text.splitlines()):
        destination, length, gateway, interface = fields[0], int(fields[1], 16), fields[4], fields[9]
        if length >= WIDEST and not int(gateway, 16) and not interface.startswith(INNER):
            network = ipaddress.IPv6Network((int(destination, 16), length))
            if network.is_link_local or network.is_multicast:
                continue  # These are refused in any case.
            found.append(network)
    return sorted(set(found))


def addresses(words: Iterator[str]) -> Iterator[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    """Those words that are addresses of another machine."""
    for word in words:
        with suppress(ValueError):
            found = ipaddress.ip_address(word.split("%")[0])
            if not found.is_loopback and not found.is_unspecified:
                yield found


def resolvers() -> list[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    """Whom this machine and its containers ask for names."""
    text = next(filter(None, map(read, RESOLVERS)), "")
    lines = (line.split() for line in text.splitlines())
    words = [words[1] for words in lines if words[:1] == ["nameserver"] and len(words) > 1]
    with suppress(ValueError, AttributeError):
        words += map(str, json.loads(read(DOCKER)).get("dns") or [])
    return sorted(set(addresses(iter(words))), key=str)


def own_interface(config: Settings) -> ipaddress.IPv4Interface | None:
    """This machine's place in the workshop's network, as far as it is known."""
    found = address.present()
    if hub := config.get("hub"):
        source = route_source(hub)
        return next((each for each in found if str(each.ip) == source), None)
    return address.decided(found) or address.choose(found, config, route_source(address.OUTSIDE))


def workshop_network(config: Settings, own: ipaddress.IPv4Interface | None) -> list[str]:
    """The network that the workshop names, or the one around this machine's address."""
    if network := config.get("network"):
        return [network]
    around = address.around(own, address.shown("route")) if own else None
    return [str(around)] if around else []


def enrolled(network: list[str]) -> list[str]:
    """The nodes that have shown the key; everybody in the network where no rendezvous keeps a list."""
    try:
        return [str(each) for each in addresses(iter(sorted(listed(ENROLLED))))]
    except FileNotFoundError:
        return network


def sets(config: Settings) -> Sets:
    """The elements of each set of the firewall."""
    own = own_interface(config)
    network = workshop_network(config, own)
    hub = config.get("hub") or (str(own.ip) if own else None)
    servers = resolvers()
    return {
        "hub": [hub] if hub else [],
        "network": network,
        "enrolled": enrolled(network),
        "reachable": config.get("reachable", []),
        "neighbours": sorted({str(each) for each in on_link_4()}),
        "neighbours6": [str(each) for each in on_link_6(read(ROUTES_6))],
        "resolvers": [str(each) for each in servers if each.version == 4],
        "resolvers6": [str(each) for each in servers if each.version == 6],
    }


def traces() -> list[object]:
    """What changes whenever the surroundings do, and costs next to nothing to look at."""
    with suppress(FileNotFoundError):
        return [*_files(), sorted(os.listdir(ENROLLED))]
    return _files()


def _files() -> list[object]:
    own: list[object] = [on_link_6(read(ROUTES_6))]
    return own + [read(path) for path in (ROUTES_4, *RESOLVERS, DOCKER, address.DECIDED)]
