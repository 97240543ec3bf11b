"""Docker's API, over its Unix socket."""

import http.client
import json
import socket
from typing import Any

SOCKET = "/run/docker.sock"


class DockerError(Exception):
    """What dockerd answered, or why it did not."""


class Connection(http.client.HTTPConnection):
    """To dockerd."""

    def connect(self) -> None:
        """As systemd's socket of it."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(SOCKET)


def docker(method: str, path: str, body: object = None, timeout: float = 300) -> Any:
    """One call; gives what the answer's JSON says. systemd holds the socket, so a call waits until dockerd is up.

    A DockerError says that dockerd refused, or did not answer within `timeout` seconds."""
    connection = Connection("localhost", timeout=timeout)
    try:
        text = json.dumps(body) if body is not None else None
        connection.request(method, path, text, {"Content-Type": "application/json"} if text else {})
        response = connection.getresponse()
        answer = response.read()
    except (OSError, http.client.HTTPException) as error:
        raise DockerError(f"dockerd does not answer: {error}") from error
    finally:
        connection.close()
    value = json.loads(answer) if answer[:1] in (b"{", b"[", b'"') and answer.count(b"\n") < 2 else None
    if response.status >= 400:
        raise DockerError(value.get("message", "") if isinstance(value, dict) else answer.decode(errors="replace"))
    return value
