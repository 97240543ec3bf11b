"""Makes this machine a worker of the hub's swarm, and keeps it one. How to join, it asks the hub over HTTPS: the hub is
known by the SHA-256 of its certificate, and this node by the workshop's key, both in /etc/imagegen/settings.json."""

import time

from imagegen.node import DockerError, Hub, HubUnavailable, Swarm, pauses, report
from imagegen.settings import settings

hub, swarm = Hub(settings()), Swarm(settings())
swarm.wait_for_image()
for pause in pauses():
    try:
        swarm.stay(hub)  # for as long as this node belongs to the hub's swarm
        time.sleep(pause)
        swarm.join(hub)
    except HubUnavailable as reason:
        report(f"Waiting for the hub: {reason}.")
    except DockerError as reason:
        report(f"Docker is not ready yet: {reason}")
        time.sleep(pause)
