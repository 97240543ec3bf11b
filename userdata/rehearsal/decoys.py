"""Decoys: answers where notebooks must reach nothing, and at a little of what they may reach. Each argument is
ADDRESS PORT, by TCP, or by UDP with `udp:` before it. An interface may follow the address: `fe80::a9fe:a9fe%docker0`.
Tells systemd as soon as all of them listen."""

import errno
import os
import socket
import sys
import threading


def listen_tcp(place):
    family = socket.AF_INET6 if ":" in place[0] else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(socket.getaddrinfo(*place, family, socket.SOCK_STREAM)[0][4])
    listener.listen()
    return listener


def listen_udp(place):
    box = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    box.bind(place)
    return box


def serve(box):
    while True:
        if box.type == socket.SOCK_STREAM:
            box.accept()[0].close()
        else:
            data, sender = box.recvfrom(512)
            box.sendto(data, sender)


def tell_systemd():
    """sd_notify(3): a name in the abstract namespace begins with a zero byte, written as @."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.connect(os.environ["NOTIFY_SOCKET"].replace("@", "\0", 1))
        line.send(b"READY=1")


boxes = []
for text in sys.argv[1:]:
    address, port = text.removeprefix("udp:").rsplit(" ", 1)
    listen = listen_udp if text.startswith("udp:") else listen_tcp
    try:
        boxes.append(listen((address, int(port))))
    except OSError as error:
        # Somebody answers there already, as the hub's web server does at port 80 of all its addresses.
        if error.errno != errno.EADDRINUSE:
            raise
threads = [threading.Thread(target=serve, args=(box,)) for box in boxes]
for thread in threads:
    thread.start()
tell_systemd()
