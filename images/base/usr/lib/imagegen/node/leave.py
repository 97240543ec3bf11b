"""Tells the hub that this node shuts down, so that its address, which another machine may have next, is enrolled no
longer."""

from imagegen.console import say
from imagegen.node.hub import Hub, HubUnavailable
from imagegen.settings import settings


def main() -> None:
    """Once; a hub that does not answer finds out by itself."""
    try:
        Hub(settings()).ask("DELETE", "/v1/join")
    except HubUnavailable as reason:
        say(f"This node could not sign off: {reason}.")


if __name__ == "__main__":
    main()
