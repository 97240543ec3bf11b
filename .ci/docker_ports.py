"""Has dockerd publish ports, and asks hub and neighbour which of them the firewall of a golden node lets them reach."""

import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from dockerd import LOG, OPTIONS, answers, call, clean, image

from imagegen.inbound import watch

HUB, NODE, NEIGHBOUR = "10.77.0.5", "10.77.0.7", "10.77.0.9"
CONFIG: Any = {"role": "node", "engine": "swarm", "hub": HUB}
PORT = 32768
# Twice: who was not found on the link a moment ago is looked for again only after a while.
CONNECT = """
import socket, sys
def answers(place):
    address, port = place.rsplit(":", 1)
    for _ in range(2):
        try:
            socket.create_connection((address, int(port)), 2).close()
            return "yes"
        except OSError:
            pass
    return "no"
print(*map(answers, sys.argv[1:]))
"""
SERVE = (
    "import socket; box = socket.create_server(('', {port})); print(flush=True)\nwhile True: box.accept()[0].close()"
)


def run(*command: str) -> str:
    """What a command prints."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


class Machine:
    """A machine that is a network namespace, by a process in it."""

    def __init__(self, pid: int) -> None:
        self.inside = ["busybox", "nsenter", "-t", str(pid), "-n"]
        self.pid = pid

    def reaches(self, *places: str) -> list[str]:
        """Those of the places that take a connection."""
        said = run(*self.inside, "python3", "-c", CONNECT, *places).split()
        return [place for place, answer in zip(places, said, strict=True) if answer == "yes"]

    def serve(self, port: int) -> None:
        """Takes connections at a port."""
        command = [*self.inside, "python3", "-c", SERVE.format(port=port)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert process.stdout
        process.stdout.readline()


def switch() -> Machine:
    """What joins this node and its neighbours."""
    made = Machine(subprocess.Popen(["busybox", "unshare", "-n", "busybox", "sleep", "9999"]).pid)
    while os.readlink(f"/proc/{made.pid}/ns/net") == os.readlink("/proc/self/ns/net"):
        time.sleep(0.05)
    return made


def cable(lan: Machine, machine: Machine, name: str, address: str) -> None:
    """Gives a machine its interface."""
    run("ip", "link", "add", name, "type", "veth", "peer", "name", "ens3", "netns", str(machine.pid))
    run("ip", "link", "set", name, "netns", str(lan.pid))
    run(*lan.inside, "ip", "link", "set", name, "master", "lan", "up")
    run(*machine.inside, "ip", "address", "add", f"{address}/24", "dev", "ens3")
    run(*machine.inside, "ip", "link", "set", "ens3", "up")


def neighbours() -> list[Machine]:
    """Hub and neighbour, each with an answer at the hub's port."""
    lan, hub, neighbour = (switch() for _ in range(3))
    run(*lan.inside, "ip", "link", "add", "lan", "type", "bridge")
    run(*lan.inside, "ip", "link", "set", "lan", "up")
    machines = ((Machine(os.getpid()), NODE), (hub, HUB), (neighbour, NEIGHBOUR))
    for number, (machine, address) in enumerate(machines):
        cable(lan, machine, f"port{number}", address)
    for machine in (hub, neighbour):
        machine.serve(8081)
        run(*machine.inside, "ip", "route", "add", "172.17.0.0/16", "via", NODE)
    return [hub, neighbour]


def container(name: str, port: int) -> Machine:
    """A web server behind a published port."""
    told = {"8888/tcp": [{"HostPort": str(port)}]}
    command = ["/bin/sh", "-c", "httpd -f -p 8888"]
    wanted: dict[str, Any] = {
        "Image": "test:1",
        "Entrypoint": command,
        "ExposedPorts": {"8888/tcp": {}},
        "HostConfig": {"PortBindings": told},
    }
    status, said = call("POST", f"/containers/create?name={name}", json.dumps(wanted).encode())
    assert status == 201, said
    status, said = call("POST", f"/containers/{name}/start")
    assert status == 204, said
    return Machine(json.loads(call("GET", f"/containers/{name}/json")[1])["State"]["Pid"])


def judge(what: str, found: list[str], wanted: list[str]) -> bool:
    """Says what is wrong, if anything is."""
    if found != wanted:
        print(f"{what}: {found}, and not {wanted}")
    return found == wanted


def look(hub: Machine, neighbour: Machine) -> bool:
    """Every attempt with the rules, and without them."""
    first, _ = container("first", PORT), container("second", PORT + 1)
    published = [f"{NODE}:{PORT}", f"{NODE}:{PORT + 1}"]
    inner = ["172.17.0.2:8888", "172.17.0.3:8888"]
    attempts = (
        (hub, published + inner),
        (neighbour, published + inner),
        (first, [f"{HUB}:8081", f"{NEIGHBOUR}:8081", inner[1]]),
    )
    wanted: tuple[list[str], ...] = (published, [], [f"{HUB}:8081"])
    for path in Path("/proc/sys/net/bridge").glob("bridge-nf-call-ip*"):
        path.write_text("0")
    assert watch.Firewall(CONFIG).refresh()
    sound = [
        judge("with the rules", who.reaches(*places), own) for (who, places), own in zip(attempts, wanted, strict=True)
    ]
    for family in ("inet", "bridge"):
        run("nft", "delete", "table", family, "imagegen_machine")
    sound += [judge("without them", who.reaches(*places), places) for who, places in attempts]
    return all(sound)


def main() -> None:
    """Starts dockerd on a node, and looks."""
    run("ip", "link", "set", "lo", "up")
    clean()
    OPTIONS.write_text("{}")
    with LOG.open("wb") as log:
        process = subprocess.Popen(["dockerd"], stdout=log, stderr=log)
    try:
        assert answers(process), LOG.read_text()
        call("POST", "/images/create?fromSrc=-&repo=test&tag=1", image(), "application/x-tar")
        sound = look(*neighbours())
    finally:
        process.terminate()
        process.wait()
    with contextlib.suppress(OSError):
        Path("/sys/fs/cgroup/docker").rmdir()
    print(f"published ports of dockerd are {'' if sound else 'not '}as the firewall says")
    sys.exit(not sound)


main()
