"""Which of its addresses the hub has in the workshop's network."""
import ipaddress
import json
import subprocess
import time

from common import announce, route_source


def own_interface(addresses, config, outward):
    """The hub's address with its network: the one that was asked for, or one in the workshop's network, or on the way
    out, or the first."""
    found = [
        ipaddress.ip_interface(f"{entry['local']}/{entry['prefixlen']}")
        for link in addresses
        if not link["ifname"].startswith(("docker", "veth", "br-"))
        for entry in link["addr_info"]
        if entry.get("scope") == "global"
    ]
    if config["hub_ip"]:
        return next((each for each in found if str(each.ip) == config["hub_ip"]), None)
    if config["network"]:
        return next((each for each in found if each.ip in ipaddress.ip_network(config["network"])), None)
    return next((each for each in found if str(each.ip) == outward), found[0] if found else None)


def find_interface(config):
    said = False
    while True:
        shown = subprocess.run(["ip", "-j", "-4", "address"], check=True, capture_output=True, text=True).stdout
        interface = own_interface(json.loads(shown), config, route_source("192.0.2.1"))
        if interface:
            return interface
        if not said:
            wanted = config["hub_ip"] or config["network"]
            announce("Waiting for an address." if not wanted else f"Waiting for the address {wanted}, as the workshop says.")
            said = True
        time.sleep(2)
