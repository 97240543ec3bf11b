# ruff: noqa: F821 (attempts.py and nfs4.py come before it)
# What somebody tries who reaches the page and nothing else. Reads JSON: `address` and `port`, whether it is
# `encrypted`, and the `path` that gets a large body. Runs against the page and, as the control, against what the web
# server stands before and a server that takes files.
import socket
import ssl
import sys
import time

JOB = json.loads(sys.stdin.read())
# A login has a few hundred bytes; JupyterHub would take 100 MB.
LARGE = 95_000_000
ENOUGH = 8_000_000
SLOW = 45  # seconds; Caddy is told to wait for headers for less


def connected():
    line = socket.create_connection((JOB["address"], JOB["port"]), timeout=60)
    if not JOB["encrypted"]:
        return line
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context.wrap_socket(line)


@attempt("send the login page a body of 95 MB")
def large_body():
    head = f"POST {JOB['path']} HTTP/1.1\r\nHost: {JOB['address']}\r\nContent-Length: {LARGE}\r\n"
    head += "Content-Type: application/x-www-form-urlencoded\r\n\r\n"
    with connected() as line:
        line.sendall(head.encode())
        line.settimeout(1)
        for sent in range(0, ENOUGH, 100_000):
            try:
                line.settimeout(60)
                line.sendall(b"x" * 100_000)
                line.settimeout(0.01)
                answer = line.recv(200)
            except (TimeoutError, ssl.SSLWantReadError):
                continue
            if answer.startswith(b"HTTP/1.1 413") or not answer:
                raise Refused(f"after {sent} bytes: {answer[:40]!r}")
            raise RuntimeError(f"after {sent} bytes: {answer!r}")
    return f"{ENOUGH} bytes were taken"


@attempt("hold a connection by headers that never end")
def slow_headers():
    begun = time.monotonic()
    with connected() as line:
        line.sendall(f"GET /hub/login HTTP/1.1\r\nHost: {JOB['address']}\r\n".encode())
        while time.monotonic() - begun < SLOW:
            line.settimeout(2)
            line.sendall(b"X-More: x\r\n")
            try:
                answer = line.recv(100)
            except (TimeoutError, ssl.SSLWantReadError):
                continue
            raise Refused(f"after {time.monotonic() - begun:.0f} s: {answer[:40]!r}")
    return f"it was held for {SLOW} s"


run_attempts()
