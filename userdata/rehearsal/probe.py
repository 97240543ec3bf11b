# Runs in a student's kernel: tries each place of PLACES, a list of [name, address, port], and prints which answer. All
# are tried at the same time, and more than once: a machine that is busy answers late, and a packet may be lost.
import concurrent.futures
import json
import socket

TRIES, PATIENCE = 4, 5  # seconds


def udp(address, port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as box:
        box.settimeout(PATIENCE)
        box.sendto(b"?", (address, port))
        return box.recvfrom(512)[0] == b"?"


def tcp(address, port):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as line:
        line.settimeout(PATIENCE)
        line.connect(socket.getaddrinfo(address, port, family, socket.SOCK_STREAM)[0][4])
        return True


def answers(place):
    _, address, port = place
    for _ in range(TRIES):
        try:
            if udp(address[4:], port) if address.startswith("udp:") else tcp(address, port):
                return True
        except OSError:
            pass
    return False


with concurrent.futures.ThreadPoolExecutor(len(PLACES)) as pool:  # noqa: F821 (set before)
    print(json.dumps({place[0]: seen for place, seen in zip(PLACES, pool.map(answers, PLACES))}))  # noqa: F821
