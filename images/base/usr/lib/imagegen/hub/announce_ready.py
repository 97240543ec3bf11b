"""Tells the console when the workshop's page is open: the organiser waits for that. Where no certificate comes for the
page's domain, the page is shown with the workshop's own until there is one."""

from __future__ import annotations

import glob
import socket
import ssl
import subprocess
import time

from imagegen.console import announce
from imagegen.hub import hub_port, setup
from imagegen.hub.address import find_interface
from imagegen.hub.web import Certificate, certificate_of
from imagegen.settings import settings

PATIENCE = 120  # seconds: Let's Encrypt takes less
# Where Caddy keeps what it was given, below its StateDirectory.
GIVEN = "/var/lib/imagegen-web/caddy/certificates/*/{0}/{0}.crt"


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


def show(certificate: Certificate) -> None:
    """Has the web server show another certificate."""
    setup.write_web(certificate)
    subprocess.run(["systemctl", "restart", "imagegen-web.service"], check=True)


def wait_until_open(name: str, wanted: Certificate) -> Certificate:
    """Returns when the page answers, with what it shows. The workshop's own certificate is there from the beginning;
    one for a domain may need help from outside."""
    begun = time.monotonic()
    shown = wanted
    while True:
        try:
            if is_open(name):
                return shown
        except ssl.SSLError:
            if shown is Certificate.ACME and time.monotonic() - begun > PATIENCE:
                announce(
                    f"https://{name}/ has no certificate yet: does the name point here, "
                    "and are TCP 80 and 443 open to the world? Until it has one, it shows the workshop's own, "
                    "and browsers warn of it."
                )
                shown = Certificate.MEANWHILE
                show(shown)
        time.sleep(2)


def wait_for_certificate(name: str) -> None:
    """Returns when the page shows the one that Caddy has been given after all."""
    while not glob.glob(GIVEN.format(name)):
        time.sleep(10)
    show(Certificate.ACME)
    announce(f"https://{name}/ has its certificate now.")


def main() -> None:
    """Waits for JupyterHub, then for the web server in front of it."""
    config = settings()
    address = str(find_interface(config).ip)
    web = config["page"]["web"]
    name = web["domain"] or address
    hub_port.wait_until_it_listens(address)
    shown = wait_until_open(name, certificate_of(web))
    announce(f"The workshop's page is open at https://{name}/ .")
    if shown is Certificate.MEANWHILE:
        wait_for_certificate(name)


if __name__ == "__main__":
    main()
