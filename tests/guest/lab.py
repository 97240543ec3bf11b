"""A network in miniature: machines, containers behind one of them, and a router, each in a network namespace."""

import json
import subprocess
import sys

import project

IN = ["nsenter", "--preserve-credentials", "--net"]
# Answers at every [protocol, port] of its argument at all addresses of both families, or at the address behind them.
SERVER = """
import json, selectors, socket, sys
boxes = selectors.DefaultSelector()
for protocol, port, *own in json.loads(sys.argv[1]):
    kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
    everywhere = ["::"] if protocol == "tcp" else ["0.0.0.0", "::"]
    for address in own or everywhere:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        box = socket.socket(family, kind)
        if family == socket.AF_INET6:
            box.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, protocol == "udp")
        box.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        box.bind((address, port))
        if protocol == "tcp":
            box.listen(100)
        boxes.register(box, selectors.EVENT_READ)
print("ready", flush=True)
while True:
    for key, _ in boxes.select():
        if key.fileobj.type == socket.SOCK_STREAM:
            key.fileobj.accept()[0].close()
        else:
            data, sender = key.fileobj.recvfrom(512)
            try:
                key.fileobj.sendto(data, sender)
            except OSError:
                pass
"""
# Tries every [protocol, address, port] of its argument at once, and prints which answer. It waits long for those that
# should, which the second argument names by their places, and for the others a moment more: the kernel answers at once.
PROBE = """
import json, os, socket, sys, threading, time
def try_place(number, protocol, address, port):
    seen[number] = answers(protocol, address, port)
def answers(protocol, address, port):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM) as box:
        box.settimeout(10)
        try:
            box.connect(socket.getaddrinfo(address, port, family)[0][4])
            if protocol == "udp":
                box.send(b"?")
                box.recv(9)
            return True
        except OSError:
            return False
places, awaited = map(json.loads, sys.argv[1:])
seen = [False] * len(places)
for number, place in enumerate(places):
    threading.Thread(target=try_place, args=(number, *place)).start()
end = time.monotonic() + 10
while time.monotonic() < end and not all(seen[number] for number in awaited):
    time.sleep(0.05)
time.sleep(1)
print(json.dumps(seen), flush=True)
os._exit(0)
"""
# One look at the surroundings, and the rules that follow from it.
FIREWALL = """
import json, sys
from imagegen.hub import address
from imagegen.inbound import ports, surroundings, watch
config, paths = map(json.loads, sys.argv[1:])
surroundings.ENROLLED, surroundings.RESOLVERS, watch.MACHINE = paths["enrolled"], paths["resolvers"], paths["machine"]
ports.is_open.__defaults__, watch.OWN = (paths["ssh"],), paths["own"]
address.DECIDED = surroundings.DOCKER = "/nonexistent"
sys.exit(not watch.Firewall(config).refresh())
"""


def run(*command, text=None):
    """What a command prints; its error as an exception."""
    done = subprocess.run(command, input=text, capture_output=True, text=True)
    if done.returncode:
        raise AssertionError(f"{command}: {done.stderr or done.stdout}")
    return done.stdout


class Namespace:
    """A machine that is a network alone."""

    def __init__(self, test):
        self.processes = []
        test.addCleanup(self.end)
        self.keeper = self.started(["unshare", "--net", "sh", "-c", "echo ready; exec sleep infinity"])
        self.run("ip", "link", "set", "lo", "up")
        # No second of waiting for whether somebody else has an address.
        self.write("/proc/sys/net/ipv6/conf/default/accept_dad", "0")

    def started(self, command):
        """A process that has said so."""
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.processes.append(process)
        if process.stdout.readline() != "ready\n":
            raise AssertionError(f"{command[-1]} does not start")
        return process

    def end(self):
        """Ends what runs in it."""
        for process in reversed(self.processes):
            process.kill()
            process.wait()
            process.stdout.close()

    @property
    def inside(self):
        """What a command begins with that runs here."""
        return [f"--net=/proc/{self.keeper.pid}/ns/net" if word == "--net" else word for word in IN]

    def run(self, *command, text=None):
        """What a command prints that runs here."""
        return run(*self.inside, *command, text=text)

    def write(self, path, text):
        """Sets one of the kernel's values."""
        self.run("sh", "-c", f"echo {text} >{path}")

    def addresses(self, interface, *addresses):
        """Gives an interface addresses, and sets it up."""
        self.run("ip", "link", "set", interface, "up")
        for address in addresses:
            nodad = ["nodad"] if ":" in address else []
            self.run("ip", "address", "add", address, "dev", interface, *nodad)

    def serve(self, places):
        """Answers at these (protocol, port)."""
        self.started([*self.inside, sys.executable, "-c", SERVER, json.dumps(places)])

    def reaches(self, places, awaited, user=()):
        """Those of the places, each a (protocol, address, port), that answer; some of them should. The words of `user`
        make a program somebody else's."""
        numbers = [number for number, place in enumerate(places) if place in awaited]
        seen = json.loads(self.run(*user, sys.executable, "-c", PROBE, json.dumps(places), json.dumps(numbers)))
        return [place for place, answered in zip(places, seen) if answered]

    def protect(self, config, **paths):
        """The firewall of a golden machine with these settings."""
        machine = f"{project.LIBRARY}/imagegen/inbound/machine.nft"
        usual = {
            "ssh": "/nonexistent",
            "enrolled": "/nonexistent",
            "resolvers": [],
            "machine": machine,
            "own": "/nonexistent/*",
        }
        arguments = [json.dumps(config), json.dumps({**usual, **paths})]
        environment = f"PYTHONPATH={project.LIBRARY}"
        return self.run("env", environment, "PYTHONDONTWRITEBYTECODE=1", sys.executable, "-c", FIREWALL, *arguments)

    def unprotect(self):
        """Takes every rule of ours away."""
        for family in ("inet", "bridge"):
            subprocess.run(
                [*self.inside, "nft", "delete", "table", family, "imagegen_machine"], capture_output=True, check=False
            )


def cable(one, name, other, far):
    """Connects two namespaces."""
    pids = [each.keeper.pid for each in (one, other)]
    peer = ["peer", "name", far, "netns", str(pids[1])]
    run("ip", "link", "add", name, "netns", str(pids[0]), "type", "veth", *peer)


class Lan:
    """A router with the internet behind it, hub, node, another machine, and two containers on the node."""

    PRIVATE, PUBLIC, SIX = "10.77.0", "198.51.100", "2001:db8:77:"
    INTERNET, INTERNET_6 = "192.0.2.80", "2001:db8:ffff::80"

    def __init__(self, test):
        self.router = Namespace(test)
        self.router.run("ip", "link", "add", "lan", "type", "bridge")
        self.router.addresses("lan", f"{self.PRIVATE}.1/24", f"{self.PUBLIC}.1/24", f"{self.SIX}:1/64")
        self.router.addresses("lo", f"{self.INTERNET}/32", f"{self.INTERNET_6}/128")
        self.hub, self.node, self.neighbour = (self.machine(test, number) for number in (5, 7, 9))
        self.containers(test)

    def machine(self, test, number):
        """Has a private and a public address, as IPv4, and a global one as IPv6."""
        made = Namespace(test)
        cable(self.router, f"port{number}", made, "ens3")
        self.router.run("ip", "link", "set", f"port{number}", "master", "lan", "up")
        made.addresses("ens3", *(f"{place}.{number}/24" for place in (self.PRIVATE, self.PUBLIC)))
        made.addresses("ens3", f"{self.SIX}:{number}/64")
        made.run("ip", "route", "add", "default", "via", f"{self.PRIVATE}.1")
        made.run("ip", "-6", "route", "add", "default", "via", f"{self.SIX}:1")
        return made

    def containers(self, test):
        """As Docker makes them: a bridge, masquerading, and a published port for the first one."""
        node = self.node
        for path in ("ipv4/ip_forward", "ipv6/conf/all/forwarding"):
            node.write(f"/proc/sys/net/{path}", "1")
        node.run("ip", "link", "add", "docker0", "type", "bridge")
        node.addresses("docker0", "172.17.0.1/16", "fd00:17::1/64")
        self.first, self.second = (self.container(test, number) for number in (2, 3))
        node.run("nft", "--file", "-", text=NAT)

    def container(self, test, number):
        """On the node's bridge."""
        made = Namespace(test)
        cable(self.node, f"veth{number}", made, "eth0")
        self.node.run("ip", "link", "set", f"veth{number}", "master", "docker0", "up")
        made.addresses("eth0", f"172.17.0.{number}/16", f"fd00:17::{number}/64")
        made.run("ip", "route", "add", "default", "via", "172.17.0.1")
        made.run("ip", "-6", "route", "add", "default", "via", "fd00:17::1")
        made.serve([("tcp", 8888), ("udp", 8888)])
        return made


NAT = """
table inet docker {
	chain published {
		type nat hook prerouting priority dstnat
		fib daddr type local meta nfproto ipv4 tcp dport 32768 dnat ip to 172.17.0.2:8888
		fib daddr type local meta nfproto ipv6 tcp dport 32768 dnat ip6 to [fd00:17::2]:8888
	}
	chain outward {
		type nat hook postrouting priority srcnat
		oifname "ens3" ip saddr 172.17.0.0/16 masquerade
		oifname "ens3" ip6 saddr fd00:17::/64 masquerade
	}
}
"""
