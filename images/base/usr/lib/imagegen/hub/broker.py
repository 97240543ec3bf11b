"""Stands between JupyterHub and Docker: makes the few calls that JupyterHub needs, on services of the workshop alone.

Whoever may use Docker's socket is root. JupyterHub, to which students speak, may not; it has this program's socket."""

from __future__ import annotations

import http.client
import json
import os
import socket
import sys
import threading
from typing import TYPE_CHECKING, Any

from imagegen.dockerd import Connection
from imagegen.hub import broker_policy as policy
from imagegen.hub import broker_request
from imagegen.hub.broker_policy import Call, Refusal, Rules
from imagegen.jupyter import account
from imagegen.settings import settings
from imagegen.users import table

if TYPE_CHECKING:
    from imagegen.jupyter.specification import Json

# The first socket that systemd hands over (sd_listen_fds(3)).
LISTENER = 3
# How many requests are answered at once; others wait in the socket's backlog.
SESSIONS = 16
# Seconds for which Docker may think, and for which an answer may be taken.
TIMEOUT = 60
LARGEST_ANSWER = 64 * 2**20
LONGEST_MESSAGE = 2000


class Answered(Exception):
    """Docker's refusal, or that it does not answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def docker(method: str, path: str, body: Json | None = None) -> Any:
    """One call of Docker's API."""
    connection = Connection("localhost", timeout=TIMEOUT)
    try:
        text = None if body is None else json.dumps(body)
        connection.request(method, path, text, {"Content-Type": "application/json"} if text else {})
        response = connection.getresponse()
        answer = response.read(LARGEST_ANSWER + 1)
    except (OSError, http.client.HTTPException) as error:
        raise Answered(503, f"dockerd does not answer: {error}") from error
    finally:
        connection.close()
    if len(answer) > LARGEST_ANSWER:
        raise Answered(502, "Docker's answer is too large")
    value = json.loads(answer) if answer else None
    if response.status >= 400:
        raise Answered(response.status, str(policy.at(value, "message")))
    return value


class Broker:
    """Answers calls that have been recognised."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules

    def answer(self, call: Call, body: bytes) -> tuple[int, Any]:
        """Status and JSON."""
        value: Any = None
        match call.kind:
            case "version":
                value = policy.told(docker("GET", "/version"), policy.VERSION)
            case "nodes":
                value = [policy.told(node, policy.NODE) for node in docker("GET", "/nodes")]
            case "node":
                value = policy.told(docker("GET", f"/nodes/{call.about}"), policy.NODE)
            case "tasks":
                value = self.tasks(call.about)
            case "service":
                value = policy.told(self.service(call.about), policy.SERVICE)
            case "remove":
                docker("DELETE", f"/services/{self.service(call.about)['ID']}")
            case "create":
                return 201, self.create(policy.decoded(body))
        return 200, value

    def tasks(self, query: str) -> list[Json]:
        """Those of the workshop's services."""
        found = docker("GET", f"/tasks?{query}" if query else "/tasks")
        told = [policy.told(task, policy.TASK) for task in found]
        return [
            task
            for task in told
            if policy.is_ours(policy.at(task, "Spec", "ContainerSpec", "Labels"), self.rules.workshop)
        ]

    def service(self, name: str) -> Json:
        """A service of the workshop's."""
        found: Json = docker("GET", f"/services/{name}")
        ours = policy.is_ours(policy.at(found, "Spec", "Labels"), self.rules.workshop)
        if not ours or not policy.DOCKER_ID.fullmatch(found["ID"]):
            raise Answered(404, f"service {name} not found")
        return found

    def create(self, body: Json) -> Json:
        """Makes a service."""
        nodes = [] if self.rules.notebooks["image"] else docker("GET", "/nodes")
        wanted = policy.to_create(body, policy.images(nodes, self.rules.notebooks), self.rules)
        return policy.told(docker("POST", "/services/create", wanted), policy.CREATED)


def serve(connection: socket.socket, broker: Broker) -> None:
    """Answers the one request of a connection."""
    target = "?"
    try:
        request = broker_request.read(connection)
        target = f"{request.method} {request.target[:200]}"
        status, value = broker.answer(policy.recognised(request.method, request.target), request.body)
    except broker_request.Malformed as error:
        status, value = 400, refused(target, str(error))
    except (Refusal, RecursionError) as error:
        status, value = 403, refused(target, str(error))
    except Answered as error:
        status, value = error.status, {"message": str(error)[:LONGEST_MESSAGE]}
    send(connection, status, value)


def refused(target: str, reason: str) -> Json:
    """Tells the journal, and gives what the client is told."""
    print(f"Refused {target}: {reason}.", file=sys.stderr, flush=True)
    return {"message": f"the broker does not pass this on: {reason}"}


def send(connection: socket.socket, status: int, value: object) -> None:
    """Writes the answer."""
    text = b"" if value is None else json.dumps(value).encode()
    phrase = http.client.responses.get(status, "")
    head = f"HTTP/1.1 {status} {phrase}\r\nContent-Type: application/json\r\nContent-Length: {len(text)}\r\n"
    connection.settimeout(TIMEOUT)
    connection.sendall(f"{head}Connection: close\r\n\r\n".encode() + text)


def find(name: str) -> account.Account | None:
    """The machine's account of somebody in the workshop."""
    user = table().users.get(name)
    try:
        found = account.find(name) if user else None
    except KeyError:
        return None
    return found if found and (found.uid, found.gid) == user else None


def listen(listener: socket.socket, broker: Broker) -> None:
    """Answers connections until the process ends."""
    slots = threading.BoundedSemaphore(SESSIONS)

    def session(connection: socket.socket) -> None:
        try:
            with connection:
                serve(connection, broker)
        except OSError:
            pass  # The client has gone.
        finally:
            slots.release()

    while True:
        slots.acquire()
        connection, _ = listener.accept()
        threading.Thread(target=session, args=(connection,), daemon=True).start()


def main() -> None:
    """Answers JupyterHub."""
    config = settings(f"{os.environ['CREDENTIALS_DIRECTORY']}/settings")
    # A text made by an earlier imagegen has no id.
    workshop = config.get("workshop_id") or config["workshop"]
    listen(socket.socket(fileno=LISTENER), Broker(Rules(workshop, config["page"]["notebooks"], find)))


if __name__ == "__main__":
    main()
