"""What the kernel's routing table says."""

import socket


def route_source(address: str) -> str | None:
    """This machine's own address on the route towards another one; None where there is no route."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((address, 9))  # Nothing is sent: the kernel only looks up the route.
            own: str = probe.getsockname()[0]
            return own
        except OSError:
            return None
