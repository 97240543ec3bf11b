"""Tells the console when the workshop's page is open: the organiser waits for that."""
import socket
import ssl
import sys
import time

sys.path.insert(0, "/usr/local/lib/imagegen")

from address import find_interface
from common import announce, settings
import hub_port


def is_open(name):
    """Whether the page answers under this name. Browsers look at its certificate; here it only has to be there."""
    context = ssl._create_unverified_context()
    try:
        with socket.create_connection(("127.0.0.1", 443), 20) as line, context.wrap_socket(line, server_hostname=name) as page:
            page.sendall(f"GET /hub/health HTTP/1.0\r\nHost: {name}\r\n\r\n".encode())
            return b" 200 " in page.recv(64)
    except OSError:
        return False


def main():
    config = settings()
    address = str(find_interface(config).ip)
    name = config["web"]["domain"] or address
    hub_port.wait_until_it_listens(address)
    while not is_open(name):
        time.sleep(2)
    announce(f"The workshop's page is open at https://{name}/ .")


if __name__ == "__main__":
    main()
