"""Tells the console when the workshop's page is open: the organiser waits for that."""

from __future__ import annotations

import socket
import ssl
import time

from imagegen.console import announce
from imagegen.hub import hub_port
from imagegen.hub.address import find_interface
from imagegen.settings import settings

PATIENCE = 120  # seconds: Let's Encrypt takes less


def is_open(name: str) -> bool:
    """Whether the page answers under this name. Browsers verify its certificate; here it only has to be there, and an
    SSLError says that it is not."""
    context = ssl._create_unverified_context()
    request = f"GET /hub/health HTTP/1.0\r\nHost: {name}\r\n\r\n".encode()
    try:
        with socket.create_connection(("127.0.0.1", 443), 20) as line:
            with context.wrap_socket(line, server_hostname=name) as page:
                page.sendall(request)
                return b" 200 " in page.recv(64)
    except ssl.SSLError:
        raise
    except OSError:
        return False


def wait_until_open(name: str, domain: str | None) -> None:
    """Returns when the page answers. The workshop's own certificate is there from the beginning; one for a domain may
    need help from outside."""
    begun = time.monotonic()
    said = not domain
    while True:
        try:
            if is_open(name):
                return
        except ssl.SSLError:
            if not said and time.monotonic() - begun > PATIENCE:
                announce(
                    f"https://{name}/ has no certificate yet: does the name lead here, "
                    "and are TCP 80 and 443 open to the world?"
                )
                said = True
        time.sleep(2)


def main() -> None:
    """Waits for JupyterHub, then for the web server in front of it."""
    config = settings()
    address = str(find_interface(config).ip)
    domain = config["page"]["web"]["domain"]
    name = domain or address
    hub_port.wait_until_it_listens(address)
    wait_until_open(name, domain)
    announce(f"The workshop's page is open at https://{name}/ .")


if __name__ == "__main__":
    main()
