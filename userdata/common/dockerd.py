"""Talking to Docker by its API."""
import http.client
import json
import socket


class DockerError(Exception):
    """What dockerd answered, or why it did not."""


class _Socket(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect("/run/docker.sock")


def docker(method, path, body=None, timeout=300):
    """One call. systemd holds the socket, so a call made too early waits until dockerd is up."""
    connection = _Socket("localhost", timeout=timeout)
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
