"""What the scripts on a workshop's machines share."""
import http.client
import json
import os
import socket
import sys

SETTINGS = "/etc/imagegen/settings.json"


def say(text):
    """A sentence for the journal."""
    print(text, flush=True)


def announce(text):
    """A milestone or a failure: on the console too, which is all that Horizon's log tab shows."""
    say(text)
    try:
        with open("/dev/console", "w") as console:
            console.write(f"imagegen: {text}\r\n")
    except OSError:
        pass


def fail(text):
    announce(text)
    sys.exit(1)


def settings(path=SETTINGS):
    with open(path) as file:
        return json.load(file)


def users(path="/etc/imagegen/users.tsv"):
    """The UID table: (name, UID, GID, full name or nothing) of each user."""
    with open(path) as table:
        rows = [line.rstrip("\n").split("\t") for line in table]
    return [(name, int(uid), int(gid), "".join(rest)) for name, uid, gid, *rest in rows]


def route_source(address):
    """Our own address on the route towards another one; None where there is no route."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((address, 9))  # Nothing is sent: the kernel only looks up the route.
            return probe.getsockname()[0]
        except OSError:
            return None


def write_whole(path, text, mode=0o644):
    """Puts a file in place in one step; False where it was so already."""
    try:
        with open(path) as file:
            if file.read() == text:
                return False
    except OSError:
        pass
    unfinished = f"{path}.unfinished"
    with open(unfinished, "w") as file:
        os.fchmod(file.fileno(), mode)
        file.write(text)
    os.replace(unfinished, path)
    return True


class DockerError(Exception):
    """What dockerd answered, or why it did not."""


class _Socket(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect("/run/docker.sock")


def docker(method, path, body=None, timeout=300):
    """One call of Docker's API. systemd holds the socket, so a call made too early waits until dockerd is up."""
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
    value = json.loads(answer) if answer.strip().startswith((b"{", b"[", b'"')) else None
    if response.status >= 400:
        raise DockerError(value.get("message", "") if isinstance(value, dict) else answer.decode(errors="replace"))
    return value
