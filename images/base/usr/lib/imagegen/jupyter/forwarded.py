"""Who asks the hub. Only its proxy may say for whom it asks: containers reach the hub's API without it, and could name
any address in their requests."""

from collections.abc import Awaitable, Collection
from typing import Any

from tornado import httputil
from tornado.httpserver import HTTPServer

# What Tornado believes. The proxy hands over the first two, and nothing in front of the hub makes the others.
OF_PROXY = ("X-Forwarded-For", "X-Forwarded-Proto")
OF_NOBODY = ("X-Real-Ip", "X-Scheme")
LARGEST_BODY = 2**20  # bytes; Tornado alone would take a hundred times as much into memory


class HubServer(HTTPServer):
    """Tornado's server, with what must not be believed taken out of the requests."""

    proxies: Collection[str]

    def initialize(self, *arguments: Any, proxies: Collection[str] = (), **options: Any) -> None:
        """`proxies` are the addresses of the hub's own machine."""
        super().initialize(*arguments, **options)
        self.proxies = proxies

    def start_request(self, server_conn: object, request_conn: Any) -> httputil.HTTPMessageDelegate:
        """One request."""
        delegate = super().start_request(server_conn, request_conn)
        comes_from_proxy = request_conn.context.address[0] in self.proxies
        return Believable(delegate, OF_NOBODY if comes_from_proxy else OF_NOBODY + OF_PROXY)


class Believable(httputil.HTTPMessageDelegate):
    """A request without some of its headers."""

    def __init__(self, delegate: httputil.HTTPMessageDelegate, unwanted: tuple[str, ...]) -> None:
        self.delegate, self.unwanted = delegate, unwanted

    def headers_received(self, start_line: Any, headers: httputil.HTTPHeaders) -> Awaitable[None] | None:
        """Before Tornado looks at them."""
        for name in self.unwanted:
            headers.pop(name, None)
        return self.delegate.headers_received(start_line, headers)

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        """Handed on."""
        return self.delegate.data_received(chunk)

    def finish(self) -> None:
        """Handed on."""
        self.delegate.finish()

    def on_connection_close(self) -> None:
        """Handed on."""
        self.delegate.on_connection_close()


def believe_only(proxies: Collection[str]) -> None:
    """For the server that JupyterHub makes."""
    HTTPServer.configure(HubServer, proxies=proxies, max_body_size=LARGEST_BODY)
