"""Asking the hub's rendezvous, over HTTPS."""

from __future__ import annotations

import hashlib
import http.client
import json
import socket
import ssl
from typing import TYPE_CHECKING, Any, TypedDict

from imagegen import status
from imagegen.users import TABLE

if TYPE_CHECKING:
    from imagegen.schema import Settings

PORT = 7443
LARGEST = 1 << 20  # bytes of an answer
WANTS_USERS = 428  # the status by which an ordinary hub asks for the table that its text had no room for


class HubUnavailable(Exception):
    """The hub gave no answer, and why."""


class JoinInfo(TypedDict):
    """How to join the hub's swarm, and the state of each node that belongs to it."""

    manager: str
    token: str
    nodes: dict[str, str]


class Hub:
    """The hub of this node's workshop."""

    def __init__(self, config: Settings, port: int = PORT) -> None:
        self.address, self.port = config["hub"], port
        self.certificate, self.key = config["hub_certificate"], config["join_key"]
        self.workshop = f"{config.get('workshop')} ({config.get('workshop_id')})"

    def join_info(self) -> JoinInfo:
        """How to join. A HubUnavailable says that the hub does not tell, and why."""
        answer: JoinInfo = json.loads(self.ask("GET", "/v1/join"))
        return answer

    def ask(self, method: str, path: str, body: bytes | None = None) -> bytes:
        """The answer to a request. A HubUnavailable says that there is none, or why it is a refusal."""
        connection = http.client.HTTPSConnection(self.address, self.port, timeout=20, context=unverified())
        try:
            connection.connect()
            self._verify(connection.sock)
            name = socket.gethostname()
            headers = {"Authorization": f"Bearer {self.key}", "X-Imagegen-Status": f"{name} {status.current()}"}
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            answer = response.read(LARGEST)
        except (OSError, http.client.HTTPException) as error:
            raise HubUnavailable(f"the hub at {self.address} does not answer ({error})") from error
        finally:
            connection.close()
        if response.status == WANTS_USERS:
            with open(TABLE, "rb") as table:
                self.ask("PUT", "/v1/users", table.read())
        if response.status != 200:
            raise HubUnavailable(f"the hub at {self.address} answers: {answer.decode(errors='replace').strip()}")
        return answer

    def _verify(self, line: Any) -> None:
        """The hub's certificate is pinned by its SHA-256: no other machine can answer, or learn the key."""
        if hashlib.sha256(line.getpeercert(True)).hexdigest() != self.certificate:
            status.say_again()
            raise HubUnavailable(
                f"{self.address} is not the hub of the workshop {self.workshop}, which this node belongs to; launch "
                "hub and nodes with user-data from the same secrets"
            )


def unverified() -> ssl.SSLContext:
    """TLS that looks at no authority: the pin is what is verified."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
