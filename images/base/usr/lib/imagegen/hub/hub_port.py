"""JupyterHub's own port. Other services wait for it: their failed requests would slow down a hub that is starting."""

import socket
import time

NUMBER = 8081


def wait_until_it_listens(address: str) -> None:
    """Returns when a connection succeeds."""
    while True:
        try:
            socket.create_connection((address, NUMBER), 20).close()
            return
        except OSError:
            time.sleep(2)
