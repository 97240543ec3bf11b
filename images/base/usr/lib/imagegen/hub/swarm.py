"""Keeps the swarm up, and what the rendezvous may tell the nodes."""

import json
import os
import subprocess
import time
from typing import Any

from imagegen.console import announce, fail
from imagegen.dockerd import DockerError, docker
from imagegen.files import write_whole
from imagegen.hub.address import find_interface
from imagegen.routes import route_source
from imagegen.settings import settings

JOIN_INFO = "/run/imagegen-rendezvous/join.json"
# What each node said last, from the rendezvous's closed folder to the organiser's page.
STATUS = ("/run/imagegen-rendezvous/node-status.json", "/run/imagegen/node-status.json")
# For Docker's overlays, instead of its default 10.0.0.0/8, which tenant networks use (RFC 2544 keeps this range for tests).
OVERLAY_POOL = "198.18.0.0/16"
# Nanoseconds between the heartbeats of a node, which counts as down after three times that: a class that starts keeps
# small machines from answering for longer than Docker's own 5 seconds.
HEARTBEAT = 15 * 10**9
YEAR = 365 * 24 * 3600 * 10**9  # nanoseconds; nodes may sleep between two workshops


def ensure_swarm(address: str) -> None:
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
        "Spec": {"CAConfig": {"NodeCertExpiry": YEAR}, "Dispatcher": {"HeartbeatPeriod": HEARTBEAT}},
    }
    docker("POST", "/swarm/init", request)
    if request["ForceNewCluster"]:  # The rendezvous listens at the old address.
        subprocess.run(["systemctl", "--no-block", "try-restart", "imagegen-rendezvous.service"], check=True)
    announce(f"The swarm is up at {address}; nodes can join.")


def keep_tasks_away(node_id: str, notebooks: bool) -> None:
    """The hub takes none, unless it is to carry notebooks."""
    wanted = "active" if notebooks else "drain"
    node = docker("GET", f"/nodes/{node_id}")
    if node["Spec"]["Availability"] != wanted:
        spec = {**node["Spec"], "Availability": wanted}
        docker("POST", f"/nodes/{node_id}/update?version={node['Version']['Index']}", spec)


def superseded(nodes: list[dict[str, Any]]) -> list[str]:
    """Nodes that are down although a machine of the same name is ready: a machine that joined again."""
    ready = {node["Description"]["Hostname"] for node in nodes if node["Status"]["State"] == "ready"}
    return [
        node["ID"]
        for node in nodes
        if node["Status"]["State"] == "down" and node["Description"].get("Hostname") in ready
    ]


def publish_join_info(address: str) -> None:
    """What the rendezvous may tell: the token of workers, never that of managers, and who belongs to the swarm."""
    nodes = docker("GET", "/nodes")
    for node_id in superseded(nodes):
        docker("DELETE", f"/nodes/{node_id}?force=1")
    known = {node["ID"]: node["Status"]["State"] for node in nodes}
    token = docker("GET", "/swarm")["JoinTokens"]["Worker"]
    answer = {"token": token, "manager": f"{address}:2377", "nodes": known}
    # Its folder is closed to everybody but root and the rendezvous.
    write_whole(JOIN_INFO, json.dumps(answer, sort_keys=True))


def publish_status() -> None:
    """Copies it to where JupyterHub may read it."""
    try:
        with open(STATUS[0]) as file:
            status = file.read()
    except FileNotFoundError:
        return  # No node has asked yet.
    os.makedirs(os.path.dirname(STATUS[1]), exist_ok=True)
    write_whole(STATUS[1], status)


def main() -> None:
    """Looks every few seconds, for ever."""
    config = settings()
    own = str(find_interface(config).ip)
    said = None
    while True:
        try:
            ensure_swarm(own)
            keep_tasks_away(docker("GET", "/info")["Swarm"]["NodeID"], config["on_hub"])
            publish_join_info(own)
            publish_status()
            said = None
        except (DockerError, OSError) as error:
            if str(error) != said:
                said = str(error)
                announce(f"The swarm is not ready yet: {said}")
        time.sleep(5)
        if route_source(own) != own:
            subprocess.run(["systemctl", "--no-block", "restart", "imagegen-homes.service"], check=True)
            fail("The hub's address has changed: setting up the swarm for the new one.")


if __name__ == "__main__":
    main()
