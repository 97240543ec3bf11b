"""The firewall around notebooks: what containers may reach."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imagegen.files import write_whole

if TYPE_CHECKING:
    from imagegen.schema import Settings

PATH = "/run/imagegen/firewall.nft"
# What is no place in the internet (RFC 6890).
PRIVATE = "0.0.0.0/8, 10.0.0.0/8, 100.64.0.0/10, 169.254.0.0/16, 172.16.0.0/12, 192.168.0.0/16"
# The hub's API, name resolution and the internet.
RULES = """table inet imagegen
delete table inet imagegen
table inet imagegen {{
	chain prerouting {{
		type filter hook prerouting priority mangle
		iifname "docker*" jump containers
		iifname "br-*" jump containers
	}}
	chain containers {{
		ct state established,related accept
		{hub} tcp dport 8081 accept
		meta l4proto {{ tcp, udp }} th dport 53 accept
		icmpv6 type {{ nd-router-solicit, nd-neighbor-solicit, nd-neighbor-advert }} accept
{allowed}		fib daddr type {{ local, broadcast, multicast }} reject
		ip daddr {{ {private} }} reject
{own}		ip6 daddr {{ fc00::/7, fe80::/10 }} reject
	}}
}}
"""


def rules(config: Settings) -> str:
    """For nft(8), in one transaction."""
    hub = f"ip daddr {config['hub']}" if config["role"] == "node" else "fib daddr type local"
    reachable = config.get("reachable")
    network = config.get("network")
    allowed = f"\t\tip daddr {{ {', '.join(reachable)} }} accept\n" if reachable else ""
    own = f"\t\tip daddr {network} reject\n" if network else ""
    return RULES.format(hub=hub, allowed=allowed, private=PRIVATE, own=own)


def write(config: Settings) -> None:
    """For docker.service, which does not start without them."""
    write_whole(PATH, rules(config))
