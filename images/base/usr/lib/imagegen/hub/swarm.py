"""Keeps the swarm up, and what the rendezvous may tell the nodes."""

import json
import os
import subprocess
import time
from typing import Any

from imagegen.console import announce, fail
from imagegen.dockerd import DockerError, docker
from imagegen.files import write_whole
from imagegen.hub.address import DECIDED, find_interface
from imagegen.routes import route_source
from imagegen.settings import settings

JOIN_INFO = "/run/imagegen-rendezvous/join.json"
# For Docker's overlays, instead of its default 10.0.0.0/8, which tenant networks use (RFC 2544 keeps this range for
# tests).
OVERLAY_POOL = "198.18.0.0/16"
# Nanoseconds between the heartbeats of a node, which counts as down after three times that: a class that starts keeps
# small machines from answering for longer than Docker's own 5 seconds.
HEARTBEAT = 15 * 10**9
# A year, in nanoseconds: machines may be off between two workshops. Docker makes the hub's first certificate before it
# reads this, for 90 days; a rotation makes another one.
CERTIFICATES = {"NodeCertExpiry": 365 * 24 * 3600 * 10**9, "ForceRotate": 1}
# What keeps the hub's address from its start on.
ADDRESSED = ("imagegen-homes", "imagegen-rendezvous", "jupyterhub", "imagegen-culler", "imagegen-ready")


def ensure_swarm(address: str, availability: str) -> None:
    """Makes the swarm, or tells it its new address. A hub leaves a swarm only where Docker can start it no more: the
    hub was off until its certificate expired, or has another address than before. Nodes then join the new one by
    themselves."""
    swarm = docker("GET", "/info")["Swarm"]
    state = swarm["LocalNodeState"]
    if state == "active" and swarm["NodeAddr"] == address:
        return
    if state == "pending":
        raise DockerError("Docker is still starting it.")
    if state in ("error", "locked"):
        announce(f"Docker cannot start the old swarm, so the hub makes a new one: {swarm['Error']}")
        docker("POST", "/swarm/leave?force=1")
    request = {
        "ListenAddr": f"{address}:2377",
        "AdvertiseAddr": address,
        "ForceNewCluster": state == "active",
        "Availability": availability,
        "DefaultAddrPool": [OVERLAY_POOL],
        "SubnetSize": 24,
        "Spec": {"CAConfig": CERTIFICATES, "Dispatcher": {"HeartbeatPeriod": HEARTBEAT}},
    }
    docker("POST", "/swarm/init", request)
    announce(f"The swarm is up at {address}; nodes can join.")


def publish_join_info(address: str) -> list[dict[str, Any]]:
    """What the rendezvous may tell: the token of workers, never that of managers, and who belongs to the swarm. Gives
    the swarm's nodes."""
    nodes: list[dict[str, Any]] = docker("GET", "/nodes")
    swarm = docker("GET", "/swarm")
    if not swarm["RootRotationInProgress"]:  # It ends with another token.
        known = {node["ID"]: node["Status"]["State"] for node in nodes}
        answer = {"token": swarm["JoinTokens"]["Worker"], "manager": f"{address}:2377", "nodes": known}
        # Its folder is closed to everybody but root and the rendezvous.
        write_whole(JOIN_INFO, json.dumps(answer, sort_keys=True))
    return nodes


def main() -> None:
    """Looks every few seconds, for ever."""
    config = settings()
    own = str(find_interface(config).ip)
    # The hub takes no tasks, unless it is to carry notebooks.
    availability = "active" if config.get("on_hub", False) else "drain"
    watch = said = None
    if "page" in config:  # An ordinary image has nobody to tell.
        from imagegen.hub.machines import Watch

        watch = Watch(availability)
    while True:
        try:
            ensure_swarm(own, availability)
            nodes = publish_join_info(own)
            if watch:
                watch.look(nodes)
            said = None
        except (DockerError, OSError) as error:
            if str(error) != said:
                said = str(error)
                announce(f"The swarm is not ready yet: {said}")
        time.sleep(5)
        if route_source(own) != own:
            os.remove(DECIDED)
            # An ordinary image does not have all of them.
            subprocess.run(["systemctl", "--no-block", "restart", *ADDRESSED], check=False)
            fail("The hub's address has changed: setting up the swarm for the new one.")


if __name__ == "__main__":
    main()
