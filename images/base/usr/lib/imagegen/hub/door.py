"""A small HTTPS server that bounds what its clients can take: memory, sessions and time. Neither slow clients nor many
keep the others from being answered."""

from __future__ import annotations

import asyncio
import http
import ipaddress
import socket
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import ssl

BACKLOG = 1024  # connections that wait in the kernel
SESSIONS = 100  # that are served at once; the memory of TLS is about 400 KB for each
SESSIONS_EACH = 8  # the same, of one address
DEADLINE = 5  # seconds for a whole session
PATIENCE = 2  # the same, while others wait
LONGEST = 8192  # bytes of a request's head; no body is read
BROKE_OFF, TOO_MANY, TOO_SLOW = "broke off", "had too many connections at once", "was too slow"


class Request(NamedTuple):
    """The head of a request. The names of the headers are in lower case."""

    address: str
    method: str
    path: str
    headers: dict[str, str]


class Reply(NamedTuple):
    """What is answered."""

    status: http.HTTPStatus
    text: str


class Malformed(Exception):
    """It is no request."""


def parse(address: str, head: bytes) -> Request:
    """Reads the head of a request."""
    first, *lines = head.decode("latin-1").split("\r\n")
    words = first.split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        raise Malformed
    headers = {name.lower(): text.strip() for name, _, text in (each.partition(":") for each in lines if each)}
    return Request(address, words[0], words[1], headers)


class Server:
    """Serves one request for each connection out of its network."""

    def __init__(self, listener: socket.socket, network: ipaddress.IPv4Network, context: ssl.SSLContext) -> None:
        self.listener, self.network, self.context = listener, network, context
        # The address and the start of each session, the longest one first.
        self.sessions: dict[asyncio.Task[None], tuple[str, float]] = {}

    async def answer(self, request: Request) -> Reply:
        """What a request gets."""
        raise NotImplementedError

    def note(self, address: str, trouble: str) -> None:
        """Hears of a client that was not served to its end."""
        raise NotImplementedError

    async def serve(self) -> None:
        """Takes one connection after the other, for ever."""
        # The kernel keeps to itself who has said nothing yet.
        self.listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, DEADLINE)
        self.listener.setblocking(False)
        loop = asyncio.get_running_loop()
        while True:
            connection, (address, _) = await loop.sock_accept(self.listener)
            if self._admits(address):
                await self._room()
                task = loop.create_task(self._session(connection, address))
                loop.call_later(DEADLINE, task.cancel)
                self.sessions[task] = address, loop.time()
                task.add_done_callback(self.sessions.pop)
            else:
                connection.close()
            await asyncio.sleep(0)  # Those who are being served go on before the next one.

    def _admits(self, address: str) -> bool:
        if ipaddress.ip_address(address) not in self.network:
            return False
        if sum(each == address for each, _ in self.sessions.values()) < SESSIONS_EACH:
            return True
        self.note(address, TOO_MANY)
        return False

    async def _room(self) -> None:
        """Returns when one more may be served. The longest session ends for that, once it is too slow."""
        while len(self.sessions) >= SESSIONS:
            longest, (_, start) = next(iter(self.sessions.items()))
            left = start + PATIENCE - asyncio.get_running_loop().time()
            done, _ = await asyncio.wait(self.sessions, timeout=max(0, left), return_when=asyncio.FIRST_COMPLETED)
            if not done:
                longest.cancel()
                await asyncio.wait([longest])

    async def _session(self, connection: socket.socket, address: str) -> None:
        try:
            await self._talk(connection, address)
        except asyncio.CancelledError:
            self.note(address, TOO_SLOW)
        except (OSError, EOFError, asyncio.LimitOverrunError, Malformed):
            self.note(address, BROKE_OFF)
        finally:
            connection.close()

    async def _talk(self, connection: socket.socket, address: str) -> None:
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(LONGEST)
        protocol = asyncio.StreamReaderProtocol(reader)
        transport, _ = await loop.connect_accepted_socket(lambda: protocol, connection, ssl=self.context)
        writer = asyncio.StreamWriter(transport, protocol, reader, loop)
        try:
            status, text = await self.answer(parse(address, await reader.readuntil(b"\r\n\r\n")))
            body = text.encode()
            writer.write(f"HTTP/1.0 {status} {status.phrase}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
            writer.close()
            await writer.wait_closed()
        finally:
            transport.abort()
