"""The rendezvous of a golden hub: it enrols the nodes, and remembers for the organiser what each said last."""

from __future__ import annotations

import asyncio
import functools
import ipaddress
import json
import socket
import ssl
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from imagegen.files import write_whole
from imagegen.hub import door, exchange, rendezvous
from imagegen.hub.enrolment import Enrolment
from imagegen.hub.visits import Visits

if TYPE_CHECKING:
    from imagegen.schema import Settings

LONGEST = 400  # characters of a node's message
MOST = 4096  # messages
WRONG_KEY = "showed a wrong key"
# Ordinary nodes may have to get them from here.
programs = functools.cache(exchange.programs)


class Server(door.Server):
    """Listens at our own address in the workshop's network, and at no other."""

    def __init__(
        self, own: str, network: ipaddress.IPv4Network, config: Settings, context: ssl.SSLContext, folder: str
    ) -> None:
        super().__init__(socket.create_server((own, rendezvous.PORT), backlog=door.BACKLOG), network, context)
        self.key, self.folder = config["join_key"], folder
        self.enrolment, self.visits = Enrolment(folder), Visits()
        # The last message of each node by its address and name: two nodes may have one name.
        self.messages: dict[str, dict[str, Any]] = {}

    def serve_forever(self) -> None:
        """Until the process ends."""
        asyncio.run(self.run())

    async def run(self) -> None:
        """Serves, and does every second what need not be done for each request."""
        await asyncio.gather(self.serve(), self.tend())

    async def tend(self) -> None:
        """Beside the clients."""
        while True:
            self.look()
            await asyncio.sleep(1)

    def look(self) -> None:
        """Takes away who is gone, and publishes what was said."""
        for address in self.enrolment.dismiss_silent():
            self.visits.note(address, "has been silent for long and is not enrolled any more")
        self.visits.tell()
        write_whole(f"{self.folder}/node-status.json", json.dumps(self.messages))

    def note(self, address: str, trouble: str) -> None:
        """For the journal."""
        self.visits.note(address, trouble)

    async def answer(self, request: door.Request) -> door.Reply:
        """Whoever has the key is believed, and belongs to the workshop until it says otherwise."""
        key = request.headers.get("authorization", "")
        status, text = rendezvous.verdict(request.path, key, self.key, rendezvous.published(self.folder))
        if status == HTTPStatus.UNAUTHORIZED:
            self.visits.note(request.address, WRONG_KEY)
        elif request.method == "DELETE" and status != HTTPStatus.NOT_FOUND:
            self.leave(request.address)
            return door.Reply(HTTPStatus.OK, "")
        else:
            self.hear(request)
        if status == HTTPStatus.NOT_FOUND and request.path == "/v1/programs":
            return door.Reply(HTTPStatus.OK, programs())
        if status == HTTPStatus.NOT_FOUND and request.path == "/v1/homes":
            return self.homes()
        return door.Reply(HTTPStatus(status), text)

    def homes(self) -> door.Reply:
        """What a node shows when it mounts homes over TLS, once the hub has made it."""
        try:
            with open(f"{self.folder}/homes.json") as file:
                return door.Reply(HTTPStatus.OK, file.read())
        except FileNotFoundError:
            return door.Reply(HTTPStatus.SERVICE_UNAVAILABLE, "there are no certificates for homes yet\n")

    def hear(self, request: door.Request) -> None:
        """A node asks. Its name and, after a space, its sentence come along."""
        if self.enrolment.enrol(request.address):
            self.visits.note(request.address, "showed the key and is enrolled")
        name, _, text = request.headers.get("x-imagegen-status", "")[:LONGEST].partition(" ")
        place = f"{request.address} {name}"
        self.messages.pop(place, None)
        self.messages[place] = {"text": text, "at": int(time.time())}
        if len(self.messages) > MOST:
            del self.messages[next(iter(self.messages))]  # who has said nothing for the longest time

    def leave(self, address: str) -> None:
        """A node shuts down."""
        if self.enrolment.dismiss(address):
            self.visits.note(address, "has left")
