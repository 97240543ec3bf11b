"""One HTTP request, read strictly: what two programs could understand in different ways is refused."""

from __future__ import annotations

import re
import socket
import time
from typing import NamedTuple

LARGEST_HEAD = 8 * 2**10
LARGEST_BODY = 256 * 2**10
# Seconds until a request is there as a whole.
PATIENCE = 5
LINE = re.compile(rb"(GET|POST|DELETE) (/[!-~]*) HTTP/1\.1")
HEADER = re.compile(rb"([A-Za-z0-9-]+):[ \t]*([ -~]*?)[ \t]*")
LENGTH = re.compile(r"0|[1-9][0-9]{0,6}")


class Malformed(Exception):
    """Why a request is not answered."""


class Request(NamedTuple):
    """A request as it came; nothing in its target has been decoded."""

    method: str
    target: str
    body: bytes


def receive(connection: socket.socket, deadline: float) -> bytes:
    """What comes next; at the end of all, and after the deadline, a Malformed."""
    remaining = deadline - time.monotonic()
    if remaining <= 0:
        raise Malformed("the request took too long")
    connection.settimeout(remaining)
    try:
        got = connection.recv(2**16)
    except TimeoutError:
        raise Malformed("the request took too long") from None
    if not got:
        raise Malformed("the request is not complete")
    return got


def read(connection: socket.socket, patience: float = PATIENCE) -> Request:
    """The one request of a connection."""
    deadline = time.monotonic() + patience
    text = b""
    while b"\r\n\r\n" not in text:
        if len(text) > LARGEST_HEAD:
            raise Malformed("the header is too large")
        text += receive(connection, deadline)
    head, _, body = text.partition(b"\r\n\r\n")
    if len(head) > LARGEST_HEAD:
        raise Malformed("the header is too large")
    method, target, length = parse(head)
    while len(body) < length:
        body += receive(connection, deadline)
    if len(body) > length:
        raise Malformed("something follows the request")
    return Request(method, target, body)


def parse(head: bytes) -> tuple[str, str, int]:
    """Method, target and length of the body."""
    first, *lines = head.split(b"\r\n")
    if not (line := LINE.fullmatch(first)):
        raise Malformed("the request line is not one of ours")
    headers: dict[str, str] = {}
    for each in lines:
        if not (header := HEADER.fullmatch(each)):
            raise Malformed("a header is malformed")
        name = header[1].decode().lower()
        if name in headers:
            raise Malformed(f"the header {name} is there twice")
        headers[name] = header[2].decode()
    for name in ("transfer-encoding", "upgrade", "expect"):
        if name in headers:
            raise Malformed(f"the header {name} is not allowed")
    length = headers.get("content-length", "0")
    if not LENGTH.fullmatch(length) or int(length) > LARGEST_BODY:
        raise Malformed("the body is too large, or its length is not a number")
    return line[1].decode(), line[2].decode(), int(length)
