# Runs in a student's kernel: tries each place of PLACES, a list of [name, address, port], and prints which answer.
import json
import socket


def answers(address, port):
    if address.startswith("udp:"):
        box = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        box.settimeout(5)
        try:
            box.sendto(b"?", (address[4:], port))
            return box.recvfrom(512)[0] == b"?"
        except OSError:
            return False
    try:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with socket.socket(family) as line:
            line.settimeout(5)
            line.connect(socket.getaddrinfo(address, port, family, socket.SOCK_STREAM)[0][4])
            return True
    except OSError:
        return False


print(json.dumps({name: answers(address, port) for name, address, port in PLACES}))  # noqa: F821 (set before)
