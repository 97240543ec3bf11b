"""Keeps this node's join container running, which tells the hub's Consul where this node's Docker is."""

from __future__ import annotations

import json
import os
import time
from typing import Any

from imagegen.classic.containers import ensure, specification
from imagegen.classic.health import STORE_PORT, get
from imagegen.console import announce
from imagegen.dockerd import DockerError
from imagegen.routes import route_source
from imagegen.settings import settings
from imagegen.status import JOINED, note_joined


def wanted(own: str, hub: str, image: str) -> dict[str, Any]:
    """Heartbeats well below the time to live: one that comes late must not throw the node out."""
    command = ["join", f"--advertise={own}:2375", "--heartbeat=20s", "--ttl=60s", f"consul://{hub}:8500"]
    return specification(image, command)


def is_listed(own: str, hub: str) -> bool:
    """Whether the hub's Consul has this node's key, by which the manager finds it."""
    try:
        return bool(json.loads(get(hub, STORE_PORT, f"/v1/kv/docker/swarm/nodes/{own}:2375")))
    except (OSError, ValueError):
        return False


def main() -> None:
    """Looks every few seconds, and never returns."""
    config = settings()
    said = None
    while True:
        own = route_source(config["hub"])
        try:
            if own is None:
                raise DockerError(f"there is no route to the hub at {config['hub']}")
            if ensure("swarm-join", wanted(own, config["hub"], config["images"]["swarm"])) and os.path.exists(JOINED):
                os.remove(JOINED)
            if not os.path.exists(JOINED):
                if not is_listed(own, config["hub"]):
                    raise DockerError(f"the hub at {config['hub']} does not list it yet")
                announce(note_joined())
            said = None
        except DockerError as error:
            if str(error) != said:
                said = str(error)
                announce(f"This node cannot join yet: {said}")
        time.sleep(10)


if __name__ == "__main__":
    main()
