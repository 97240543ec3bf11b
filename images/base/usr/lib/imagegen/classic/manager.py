"""Keeps the classic engine's Consul and Swarm manager running on the hub, and repairs them."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from imagegen.classic import health
from imagegen.classic.containers import ensure, inspect, remove, restart, specification
from imagegen.classic.health import MANAGER_PORT, STORE_PORT, Cure, Fault
from imagegen.console import announce
from imagegen.dockerd import DockerError
from imagegen.hub.address import find_interface
from imagegen.settings import settings

if TYPE_CHECKING:
    from imagegen.schema import ClassicImages

CONSUL, MANAGER = "consul", "swarm-manager"
# Seconds that a fault lasts until something is done about it. A manager that has just started needs some of them.
PATIENCE = 60
# The first Consul that opens ports for gRPC unless it is told not to.
GRPC = (1, 14)


def version(image: str) -> tuple[int, int] | None:
    """Of an image, by its tag; none where the tag is not a number."""
    found = re.search(r":v?(\d+)\.(\d+)[^/]*$", image)
    return (int(found[1]), int(found[2])) if found else None


def wanted(own: str, images: ClassicImages) -> dict[str, dict[str, Any]]:
    """The containers by name. Consul keeps all ports to itself but that of HTTP, which the nodes use, and asks nobody
    on the internet for a newer version."""
    quiet = ["-dns-port=-1", "-serf-wan-port=-1", "-hcl=disable_update_check = true"]
    if (version(images["consul"]) or GRPC) >= GRPC:
        quiet += ["-grpc-port=-1", "-grpc-tls-port=-1"]
    consul = ["agent", "-server", "-bootstrap-expect=1", "-bind=127.0.0.1", f"-client={own}", "-data-dir=/consul/data"]
    # Nodes are looked up every few seconds: a manager that has just started knows none until then, and takes their
    # containers for gone. A node that was away counts as healthy again as soon.
    often = ["--heartbeat=5s", "--engine-refresh-min-interval=5s", "--engine-refresh-max-interval=15s"]
    replicated = ["--replication", "--advertise", f"{own}:{MANAGER_PORT}"]
    manager = ["manage", "-H", f":{MANAGER_PORT}", *replicated, *often, f"consul://{own}:{STORE_PORT}"]
    return {
        CONSUL: specification(images["consul"], consul + quiet),
        MANAGER: specification(images["swarm"], manager),
    }


class Watch:
    """When a fault has lasted long enough to be repaired."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self.now = now
        self.cure, self.since = Cure.PATIENCE, 0.0

    def is_due(self, fault: Fault | None) -> bool:
        """Whether something has been wrong for too long that the same cure helps against."""
        cure = fault.cure if fault else Cure.PATIENCE
        if cure != self.cure:
            self.cure, self.since = cure, self.now()
        if cure is Cure.PATIENCE or self.now() - self.since < PATIENCE:
            return False
        self.cure = Cure.PATIENCE  # It gets as long again to show that it has helped.
        return True


def repair(fault: Fault, containers: dict[str, dict[str, Any]]) -> None:
    """Does what helps. Nodes and manager come back to a new Consul by themselves, and write into it what they are."""
    announce(f"For a minute {fault.text}: {fault.cure.value}.")
    if fault.cure is Cure.NEW_CONSUL:
        if inspect(CONSUL):
            remove(CONSUL)
        ensure(CONSUL, containers[CONSUL])
    restart(MANAGER)


def keep(own: str, containers: dict[str, dict[str, Any]], watch: Watch) -> str:
    """One look at everything; gives what is wrong, or nothing."""
    try:
        for name, spec in containers.items():
            ensure(name, spec)
        fault = health.fault(own, CONSUL)
        if watch.is_due(fault) and fault:
            repair(fault, containers)
        return fault.text if fault else ""
    except DockerError as error:
        return str(error)


def main() -> None:
    """Looks every few seconds, and never returns."""
    config = settings()
    own = str(find_interface(config).ip)
    containers = wanted(own, config["images"])
    watch, said = Watch(), None
    while True:
        fault = keep(own, containers, watch)
        if fault != said:
            said = fault
            announce(
                f"The swarm is not ready yet: {fault}" if fault else f"The swarm manager is up at port {MANAGER_PORT}."
            )
        time.sleep(5)


if __name__ == "__main__":
    main()
