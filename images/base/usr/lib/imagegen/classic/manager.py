"""Keeps the classic engine's Consul and Swarm manager running on the hub, and repairs them."""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from imagegen.classic.containers import ensure, inspect, remove, specification
from imagegen.console import announce
from imagegen.dockerd import DockerError
from imagegen.hub.address import find_interface
from imagegen.settings import settings

if TYPE_CHECKING:
    from imagegen.schema import ClassicImages

CONSUL, MANAGER = "consul", "swarm-manager"
NO_LEADER = "No elected primary cluster manager"
# Seconds without a leader until Consul is replaced. A manager that has just started needs some of them.
PATIENCE = 60


def wanted(own: str, images: ClassicImages) -> dict[str, dict[str, Any]]:
    """The containers by name. Consul keeps all ports to itself but that of HTTP, which the nodes use."""
    only_http = ["-dns-port=-1", "-grpc-port=-1", "-grpc-tls-port=-1", "-serf-wan-port=-1"]
    consul = ["agent", "-server", "-bootstrap-expect=1", "-bind=127.0.0.1", f"-client={own}", "-data-dir=/consul/data"]
    manager = ["manage", "-H", ":4000", "--replication", "--advertise", f"{own}:4000", f"consul://{own}:8500"]
    return {
        CONSUL: specification(images["consul"], consul + only_http),
        MANAGER: specification(images["swarm"], manager),
    }


def manager_fault() -> str:
    """What the manager says is wrong, or nothing."""
    connection = http.client.HTTPConnection("127.0.0.1", 4000, timeout=20)
    try:
        connection.request("GET", "/containers/json?all=1")
        response = connection.getresponse()
        text = response.read().decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        return f"the manager does not answer: {error}"
    finally:
        connection.close()
    return "" if response.status == http.HTTPStatus.OK else text.strip()


class Watch:
    """When a fault has lasted long enough to be repaired."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self.now = now
        self.since: float | None = None

    def is_due(self, said: str) -> bool:
        """Whether the manager has had no leader for too long."""
        if NO_LEADER not in said:
            self.since = None
            return False
        self.since = self.since or self.now()
        if self.now() - self.since < PATIENCE:
            return False
        self.since = None
        return True


def keep(containers: dict[str, dict[str, Any]], watch: Watch) -> str:
    """One look at everything; gives what is wrong, or nothing."""
    try:
        for name, spec in containers.items():
            ensure(name, spec)
        fault = manager_fault()
        if watch.is_due(fault) and inspect(CONSUL):
            announce(f"The manager says: {fault}. Consul is replaced by a new one.")
            remove(CONSUL)
            ensure(CONSUL, containers[CONSUL])
        return fault
    except DockerError as error:
        return str(error)


def main() -> None:
    """Looks every few seconds, and never returns."""
    config = settings()
    containers = wanted(str(find_interface(config).ip), config["images"])
    watch, said = Watch(), None
    while True:
        fault = keep(containers, watch)
        if fault != said:
            said = fault
            announce(f"The swarm is not ready yet: {fault}" if fault else "The swarm manager is up at port 4000.")
        time.sleep(5)


if __name__ == "__main__":
    main()
