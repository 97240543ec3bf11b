"""What the join script of a node is made of."""

from imagegen.dockerd import DockerError
from imagegen.node.hub import Hub, HubUnavailable
from imagegen.status import report
from imagegen.node.swarm import Swarm, pauses

__all__ = ["DockerError", "Hub", "HubUnavailable", "Swarm", "pauses", "report"]
