"""This node's place in the hub's swarm."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from imagegen.console import say
from imagegen.dockerd import DockerError, docker
from imagegen.node.hub import Hub, HubUnavailable
from imagegen.routes import route_source
from imagegen.status import current, note_joined, report

if TYPE_CHECKING:
    from imagegen.schema import Settings

JOIN_TIMEOUT = 60  # seconds for a join that Docker goes on with by itself
CHECK_INTERVAL = 60  # seconds between two questions to the hub whether this node still belongs to it
DOUBT_INTERVAL = 10  # the same, once the hub did not know this node
DOUBTS = 3  # answers in a row that must say so


def pauses(longest: float = 30) -> Iterator[float]:
    """Seconds to wait between tries: doubling, and jittered so that many nodes do not ask at the same moment."""
    base = 1.0
    while True:
        yield base * random.uniform(0.5, 1.0)
        base = min(base * 2, longest)


class Swarm:
    """Docker's swarm mode on this node."""

    def __init__(self, config: Settings) -> None:
        self.config = config

    def wait_for_image(self) -> None:
        """The swarm gives new servers to the node with the fewest, also to one without their image: it joins later."""
        if "notebook_image" in self.config:
            from imagegen import notebook_image  # An ordinary image has it only then.

            notebook_image.fetch(self.config["notebook_image"], report)

    def stay(self, hub: Hub) -> None:
        """Returns when this node does not belong to the hub's swarm, or does not any more."""
        homes = self._homes()
        if homes:
            homes.wait(hub)
        doubts = 0
        while doubts < DOUBTS:
            state = self._settled()
            if state["LocalNodeState"] != "active":
                return
            try:
                doubts = 0 if state["NodeID"] in hub.join_info()["nodes"] else doubts + 1
                if homes:
                    homes.fetch(hub)
                if not doubts and "has joined" not in current():
                    report(note_joined())
            except HubUnavailable as reason:
                say(f"{reason}; this node stays in the swarm.")
            time.sleep(DOUBT_INTERVAL if doubts else CHECK_INTERVAL)
        report("The hub does not know this node any more: joining again.")

    def _homes(self) -> Any:
        """What gets certificates for homes that travel over TLS; an ordinary image does not have it."""
        if not self.config.get("homes_tls"):
            return None
        from imagegen import homes_tls

        return homes_tls

    def join(self, hub: Hub) -> None:
        """Joins, from whatever state this node is in."""
        info = hub.join_info()
        if self._settled()["LocalNodeState"] != "inactive":
            docker("POST", "/swarm/leave?force=1")
        trouble = "Docker does not say why"
        try:
            self._request(info["manager"], info["token"])
        except DockerError as error:
            trouble = str(error)  # It may say that it goes on trying.
        if self._settled()["LocalNodeState"] == "active":
            report(note_joined())
        else:
            report(f"Joining the swarm failed: {trouble}")

    def _request(self, manager: str, token: str) -> None:
        own = route_source(self.config["hub"])
        if own is None:
            raise DockerError(f"there is no route to the hub at {self.config['hub']}")
        addresses = {"ListenAddr": f"{own}:2377", "AdvertiseAddr": own, "RemoteAddrs": [manager]}
        docker("POST", "/swarm/join", {**addresses, "JoinToken": token})

    def _settled(self) -> dict[str, Any]:
        """Docker's own state in the swarm, once it has stopped trying by itself."""
        deadline = time.monotonic() + JOIN_TIMEOUT
        while True:
            state: dict[str, Any] = docker("GET", "/info")["Swarm"]
            if state["LocalNodeState"] != "pending" or time.monotonic() > deadline:
                return state
            time.sleep(2)
