"""Keeps this node's join container, which tells the hub's Consul where this node's Docker is."""
import os
import time

from imagegen.console import announce
from imagegen.status import note_joined
from imagegen.routes import route_source
from imagegen.settings import settings
from imagegen.classic.containers import ensure, specification
from imagegen.dockerd import DockerError


def wanted(own, hub, image):
    """Heartbeats well below the time to live: one that comes late must not throw the node out."""
    command = ["join", f"--advertise={own}:2375", "--heartbeat=20s", "--ttl=60s", f"consul://{hub}:8500"]
    return specification(image, command)


def main():
    config = settings()
    said = None
    while True:
        own = route_source(config["hub"])
        try:
            if own is None:
                raise DockerError(f"there is no route to the hub at {config['hub']}")
            made = ensure("swarm-join", wanted(own, config["hub"], config["images"]["swarm"]))
            if made or not os.path.exists("/run/imagegen/joined"):
                announce(note_joined())
            said = None
        except DockerError as error:
            if str(error) != said:
                said = str(error)
                announce(f"This node cannot join yet: {said}")
        time.sleep(10)


if __name__ == "__main__":
    main()
