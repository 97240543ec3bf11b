"""Tells the workshop's nodes how to join the swarm: by HTTPS, to those that show the workshop's key."""
import hmac
import http.server
import ipaddress
import json
import os
import ssl
import time

from common import announce, route_source, say, settings
from files import write_whole

PORT = 7443
LONGEST = 400  # characters of a last word


def verdict(path, authorization, key, answer):
    """Status and text for a request."""
    if not hmac.compare_digest(authorization.encode(), f"Bearer {key}".encode()):
        return 401, "The key is not this workshop's.\n"
    if path != "/v1/join":
        return 404, "There is only /v1/join.\n"
    if answer is None:
        return 503, "the swarm is not up yet\n"
    return 200, answer


class Handler(http.server.BaseHTTPRequestHandler):
    server_version = "imagegen"
    sys_version = ""

    def do_GET(self):
        status, text = verdict(
            self.path, self.headers.get("Authorization", ""), self.server.key, self.server.read_answer()
        )
        if status == 200:
            say(f"{self.client_address[0]} asked how to join.")
            self.server.note(self.headers.get("Last-Word", ""))
        self.answer(status, text)

    def answer(self, status, text):
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json" if status == 200 else "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Requests are told in a sentence, or not at all."""


class Server(http.server.ThreadingHTTPServer):
    def __init__(self, network, key, context, answer_path, words_path):
        self.network, self.key, self.context, self.answer_path = network, key, context, answer_path
        self.words_path, self.words = words_path, {}
        # Our own address in the workshop's network, and no other.
        super().__init__((route_source(str(network[1])), PORT), Handler)

    def verify_request(self, _, client):
        return ipaddress.ip_address(client[0]) in self.network

    def finish_request(self, request, client):
        # In the request's own thread: a slow client holds up nobody else.
        request.settimeout(10)
        with self.context.wrap_socket(request, server_side=True) as encrypted:
            self.RequestHandlerClass(encrypted, client, self)

    def handle_error(self, request, client):
        say(f"{client[0]} broke off.")

    def note(self, word):
        """A node's name and, after a space, the last sentence that it said."""
        name, _, text = word[:LONGEST].partition(" ")
        self.words[name] = {"text": text, "at": int(time.time())}
        write_whole(self.words_path, json.dumps(self.words))

    def read_answer(self):
        try:
            with open(self.answer_path) as file:
                return json.dumps(json.load(file))
        except (OSError, ValueError):
            return None


def workshop_network():
    """The network that the homes are open to; it is known once the hub has found its address."""
    while True:
        try:
            with open("/etc/exports.d/imagegen.exports") as exports:
                return ipaddress.ip_network(exports.read().split()[1].split("(")[0])
        except (OSError, IndexError, ValueError):
            time.sleep(1)


def main():
    credentials = os.environ["CREDENTIALS_DIRECTORY"]
    config = settings(f"{credentials}/settings")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(f"{credentials}/certificate", f"{credentials}/key")
    folder = os.environ["RUNTIME_DIRECTORY"]
    network = workshop_network()
    server = Server(network, config["join_key"], context, f"{folder}/join.json", f"{folder}/words.json")
    announce(f"Nodes in {network} can ask at port {PORT} how to join.")
    server.serve_forever()


if __name__ == "__main__":
    main()
