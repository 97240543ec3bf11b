"""Tells the workshop's nodes how to join the swarm: over HTTPS, to those that show the workshop's key."""

from __future__ import annotations

import hmac
import http.server
import ipaddress
import os
import socket
import ssl
from typing import TYPE_CHECKING, Any

from imagegen.console import announce
from imagegen.hub.address import find_interface, find_network
from imagegen.settings import settings

if TYPE_CHECKING:
    from imagegen.schema import Settings

PORT = 7443
TIMEOUT = 5  # seconds for each read of a request


def verdict(path: str, authorization: str, key: str, answer: str | None) -> tuple[int, str]:
    """Status and text for a request."""
    if not hmac.compare_digest(authorization.encode(), f"Bearer {key}".encode()):
        return 401, "The key is not this workshop's.\n"
    if path != "/v1/join":
        return 404, "There is only /v1/join.\n"
    if answer is None:
        return 503, "the swarm is not up yet\n"
    return 200, answer


def published(folder: str) -> str | None:
    """What swarm.py has published, once it has."""
    try:
        with open(f"{folder}/join.json") as file:
            return file.read()
    except FileNotFoundError:
        return None


class Server(http.server.ThreadingHTTPServer):
    """Listens at our own address in the workshop's network, and at no other. Golden hubs have a better one."""

    request_queue_size = 1024

    def __init__(
        self, own: str, network: ipaddress.IPv4Network, config: Settings, context: ssl.SSLContext, folder: str
    ) -> None:
        self.network, self.config, self.context, self.folder = network, config, context, folder
        super().__init__((own, PORT), handler(config))

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Only the workshop's network is answered."""
        return ipaddress.ip_address(client_address[0]) in self.network

    def finish_request(self, request: Any, client_address: Any) -> None:
        """In the request's own thread: a slow client holds up nobody else."""
        request.settimeout(TIMEOUT)
        with self.context.wrap_socket(request, server_side=True) as encrypted:
            self.RequestHandlerClass(encrypted, client_address, self)  # type: ignore[arg-type]

    def handle_error(self, request: socket.socket | tuple[bytes, socket.socket], client_address: Any) -> None:
        """Clients may break off; nothing is written about it."""


class Handler(http.server.BaseHTTPRequestHandler):
    """One request."""

    server: Server
    server_version = "imagegen"
    sys_version = ""

    def do_GET(self) -> None:
        """Answers a node."""
        self.reply(*self.verdict())

    def verdict(self) -> tuple[int, str]:
        """Status and text for this request."""
        key = self.server.config["join_key"]
        return verdict(self.path, self.headers.get("Authorization", ""), key, published(self.server.folder))

    def reply(self, status: int, text: str) -> None:
        """Sends an answer."""
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Requests are told in a sentence, or not at all."""


def handler(config: Settings) -> type[Handler]:
    """What answers. Ordinary hubs may have to bring their nodes, and their nodes them, what the user-data had no room
    for."""
    if "users_sha256" in config:
        from imagegen.hub import exchange

        return exchange.Handler
    return Handler


def main() -> None:
    """Serves for ever, with the credentials that systemd hands over."""
    credentials = os.environ["CREDENTIALS_DIRECTORY"]
    config = settings(f"{credentials}/settings")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(f"{credentials}/certificate", f"{credentials}/key")
    own, network = str(find_interface(config).ip), find_network(config)
    kind: Any = Server
    if "page" in config:
        from imagegen.hub import messages

        kind = messages.Server
    server = kind(own, network, config, context, os.environ["RUNTIME_DIRECTORY"])
    announce(f"Nodes in {network} can ask at port {PORT} how to join.")
    server.serve_forever()


if __name__ == "__main__":
    main()
