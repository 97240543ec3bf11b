"""What notebooks must not reach, and a little of what they may: answers on each ADDRESS PORT of the arguments, by TCP, and
by UDP where the address has `udp:` before it. An interface may follow the address: `fe80::a9fe:a9fe%docker0`."""
import socket
import sys
import threading


def serve_tcp(place):
    family = socket.AF_INET6 if ":" in place[0] else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(socket.getaddrinfo(*place, family, socket.SOCK_STREAM)[0][4])
    listener.listen()
    while True:
        listener.accept()[0].close()


def serve_udp(place):
    box = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    box.bind(place)
    while True:
        data, sender = box.recvfrom(512)
        box.sendto(data, sender)


threads = []
for text in sys.argv[1:]:
    address, port = text.removeprefix("udp:").rsplit(" ", 1)
    serve = serve_udp if text.startswith("udp:") else serve_tcp
    threads.append(threading.Thread(target=serve, args=((address, int(port)),)))
for thread in threads:
    thread.start()
