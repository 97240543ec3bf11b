"""JupyterHub's own port. Other services wait for it: asking in vain takes processors from the hub that is starting."""
import socket
import time

NUMBER = 8081


def wait_until_it_listens(address):
    while True:
        try:
            socket.create_connection((address, NUMBER), 20).close()
            return
        except OSError:
            time.sleep(2)
