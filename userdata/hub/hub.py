"""Sets up the hub: homes, their export, the swarm, and what the rendezvous tells the nodes."""
import ipaddress
import json
import os
import pwd
import shutil
import subprocess
import time

from common import DockerError, announce, docker, fail, route_source, say, settings, users, write_whole

EXPORTS = "/etc/exports.d/imagegen.exports"
HANDOVER = "/run/imagegen-rendezvous/join.json"
# For Docker's overlays, in place of 10.0.0.0/8, which tenant networks use (RFC 2544 keeps this range for tests).
OVERLAY_POOL = "198.18.0.0/16"
YEAR = 365 * 24 * 3600 * 10**9  # nanoseconds: certificates of nodes that sleep between two workshops stay valid


def make_homes():
    made = 0
    for name, uid, gid, _ in users():
        home = f"/home/{name}"
        if not os.path.isdir(home):
            unfinished = f"/home/.{name}.unfinished"
            shutil.rmtree(unfinished, ignore_errors=True)
            shutil.copytree("/etc/skel", unfinished, symlinks=True)
            for folder, folders, files in os.walk(unfinished):
                for entry in folders + files:
                    os.lchown(os.path.join(folder, entry), uid, gid)
            os.chmod(unfinished, 0o700)
            os.chown(unfinished, uid, gid)
            os.rename(unfinished, home)
            made += 1
        elif os.stat(home).st_uid != uid:
            os.chown(home, uid, gid)
            say(f"{home} belongs to {pwd.getpwuid(uid).pw_name} again.")
    if made:
        announce(f"{made} homes made.")


def own_interface(addresses, network, outward):
    """The hub's address with its network: in the workshop's network, or on the way out, or the only one."""
    found = [
        ipaddress.ip_interface(f"{entry['local']}/{entry['prefixlen']}")
        for link in addresses
        if not link["ifname"].startswith(("docker", "veth", "br-"))
        for entry in link["addr_info"]
        if entry.get("scope") == "global"
    ]
    if network:
        return next((each for each in found if each.ip in ipaddress.ip_network(network)), None)
    return next((each for each in found if str(each.ip) == outward), found[0] if found else None)


def find_interface(config):
    said = False
    while True:
        shown = subprocess.run(["ip", "-j", "-4", "address"], check=True, capture_output=True, text=True).stdout
        interface = own_interface(json.loads(shown), config["network"], route_source("192.0.2.1"))
        if interface:
            return interface
        if not said:
            announce("Waiting for an address" + (f" in {config['network']}." if config["network"] else "."))
            said = True
        time.sleep(2)


def export_homes(network):
    os.makedirs(os.path.dirname(EXPORTS), exist_ok=True)
    if write_whole(EXPORTS, f"/home {network}(rw,sync,root_squash,no_subtree_check)\n"):
        subprocess.run(["exportfs", "-ra"], check=True)
        announce(f"The homes are open to {network}.")


def ensure_swarm(address):
    """Makes the swarm, or tells it its new address. A hub never leaves a swarm: that would be the swarm's end."""
    state = docker("GET", "/info")["Swarm"]
    if state["LocalNodeState"] == "active" and state["NodeAddr"] == address:
        return
    if state["LocalNodeState"] == "pending":
        raise DockerError("Docker is still starting it.")
    request = {
        "ListenAddr": f"{address}:2377",
        "AdvertiseAddr": address,
        "ForceNewCluster": state["LocalNodeState"] != "inactive",
        "DefaultAddrPool": [OVERLAY_POOL],
        "SubnetSize": 24,
        "Spec": {"CAConfig": {"NodeCertExpiry": YEAR}},
    }
    docker("POST", "/swarm/init", request)
    if request["ForceNewCluster"]:  # The rendezvous listens at the old address.
        subprocess.run(["systemctl", "--no-block", "try-restart", "imagegen-rendezvous.service"], check=True)
    announce(f"The swarm is up at {address}; nodes can join.")


def keep_free_of_tasks(node_id):
    node = docker("GET", f"/nodes/{node_id}")
    if node["Spec"]["Availability"] != "drain":
        spec = {**node["Spec"], "Availability": "drain"}
        docker("POST", f"/nodes/{node_id}/update?version={node['Version']['Index']}", spec)


def superseded(nodes):
    """Nodes that are down although a machine of the same name is ready: a machine that joined again."""
    ready = {node["Description"]["Hostname"] for node in nodes if node["Status"]["State"] == "ready"}
    return [
        node["ID"]
        for node in nodes
        if node["Status"]["State"] == "down" and node["Description"].get("Hostname") in ready
    ]


def hand_over(address):
    """What the rendezvous may tell: the token of workers, never that of managers, and who belongs to the swarm."""
    nodes = docker("GET", "/nodes")
    for node_id in superseded(nodes):
        docker("DELETE", f"/nodes/{node_id}?force=1")
    known = {node["ID"]: node["Status"]["State"] for node in nodes}
    token = docker("GET", "/swarm")["JoinTokens"]["Worker"]
    answer = {"token": token, "manager": f"{address}:2377", "nodes": known}
    # Its folder is closed to everybody but root and the rendezvous.
    write_whole(HANDOVER, json.dumps(answer, sort_keys=True))


def main():
    config = settings()
    make_homes()
    interface = find_interface(config)
    export_homes(interface.network)
    said = None
    while True:
        try:
            ensure_swarm(str(interface.ip))
            keep_free_of_tasks(docker("GET", "/info")["Swarm"]["NodeID"])
            hand_over(str(interface.ip))
            said = None
        except (DockerError, OSError) as error:
            if str(error) != said:
                said = str(error)
                announce(f"The swarm is not right yet: {said}")
        time.sleep(5)
        if route_source(str(interface.ip)) != str(interface.ip):
            fail("The hub's address has changed: setting up the swarm for the new one.")


if __name__ == "__main__":
    main()
