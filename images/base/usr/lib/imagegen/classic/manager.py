"""Keeps the classic engine's Consul and Swarm manager on the hub, and mends them."""
import http.client
import time

from imagegen.hub.address import find_interface
from imagegen.console import announce
from imagegen.settings import settings
from imagegen.classic.containers import ensure, inspect, remove, specification
from imagegen.dockerd import DockerError

CONSUL, MANAGER = "consul", "swarm-manager"
NO_LEADER = "No elected primary cluster manager"
# Seconds without a leader until Consul is made anew. A manager that has just started needs some of them.
PATIENCE = 60


def wanted(own, images):
    """Consul keeps to itself but for its HTTP port, which the nodes use."""
    only_http = ["-dns-port=-1", "-grpc-port=-1", "-grpc-tls-port=-1", "-serf-wan-port=-1"]
    consul = ["agent", "-server", "-bootstrap-expect=1", "-bind=127.0.0.1", f"-client={own}", "-data-dir=/consul/data"]
    manager = ["manage", "-H", ":4000", "--replication", "--advertise", f"{own}:4000", f"consul://{own}:8500"]
    return {
        CONSUL: specification(images["consul"], consul + only_http),
        MANAGER: specification(images["swarm"], manager),
    }


def trouble():
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
    return "" if response.status == 200 else text.strip()


class Watch:
    """When a fault has lasted long enough to be mended."""

    def __init__(self, now=time.monotonic):
        self.now, self.since = now, None

    def is_due(self, said):
        if NO_LEADER not in said:
            self.since = None
            return False
        self.since = self.since or self.now()
        if self.now() - self.since < PATIENCE:
            return False
        self.since = None
        return True


def main():
    config = settings()
    containers = wanted(str(find_interface(config).ip), config["images"])
    watch, said = Watch(), None
    while True:
        try:
            for name, spec in containers.items():
                ensure(name, spec)
            now = trouble()
            if watch.is_due(now) and inspect(CONSUL):
                announce(f"The manager says: {now}. Consul is removed and made anew.")
                remove(CONSUL)
                continue
        except DockerError as error:
            now = str(error)
        if now != said:
            said = now
            announce(f"The swarm is not right yet: {now}" if now else "The swarm manager is up at port 4000.")
        time.sleep(5)


if __name__ == "__main__":
    main()
