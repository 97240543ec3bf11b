"""What the join script of a node is made of."""

from imagegen.dockerd import DockerError
from imagegen.node.hub import Hub, HubUnavailable
from imagegen.node.swarm import Swarm, pauses
from imagegen.status import report

__all__ = ["DockerError", "Hub", "HubUnavailable", "Swarm", "pauses", "report"]
