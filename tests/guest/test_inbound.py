"""Who may connect to golden machines, and where their notebooks may not: asked of the kernel, in a small network.

Each attempt has its control: it succeeds where the rules are taken away."""

import json
import os
import subprocess
import sys
import time
import types
import unittest
from unittest import mock

import project
from imagegen.inbound import ports, surroundings, watch
from lab import Lan

HUB, NODE, NEIGHBOUR = (f"{Lan.PRIVATE}.{number}" for number in (5, 7, 9))
PUBLIC_HUB, PUBLIC_NEIGHBOUR = (f"{Lan.PUBLIC}.{number}" for number in (5, 9))
HUB_6, NODE_6, NEIGHBOUR_6 = (f"{Lan.SIX}:{number}" for number in (5, 7, 9))
ON_HUB = {"role": "hub", "engine": "swarm"}
ON_NODE = {"role": "node", "engine": "swarm", "hub": HUB}
MACHINE = f"{project.LIBRARY}/imagegen/inbound/machine.nft"
# What may listen on hub or nodes, and is for few or for nobody: ssh, the port mapper, Docker, the manager and the store
# of the classic engine, the proxy's routes, LLMNR, mDNS, VXLAN, HTTP/3.
INNER = [("tcp", port) for port in (22, 111, 2375, 4000, 8001, 8500, 40000)]
INNER += [("udp", port) for port in (111, 443, 4789, 5353, 5355, 7946)]
# Ports of the table, one of each owner.
OUTER = [("tcp", port) for port in (80, 443, 2049, 2377, 7443, 7946, 8081)]


class InALan(project.Folder):
    """One network for all tests of a class."""

    @classmethod
    def setUpClass(cls):
        owner = types.SimpleNamespace(addCleanup=cls.addClassCleanup)
        cls.lan = Lan(owner)
        for machine in (cls.lan.hub, cls.lan.node, cls.lan.neighbour):
            machine.serve([*INNER, *OUTER, ("udp", 53)])
        internet = [("udp", 5000, address) for address in (Lan.INTERNET, Lan.INTERNET_6)]
        cls.lan.router.serve([("tcp", 443), ("udp", 53), ("tcp", 53), *internet])

    def setUp(self):
        super().setUp()
        for machine in (self.lan.hub, self.lan.node):
            self.addCleanup(machine.unprotect)

    def expect(self, who, places, answering):
        """That these of the places answer, and no others."""
        self.assertEqual(who.reaches(places, answering), [place for place in places if place in answering])

    def expect_all(self, who, places):
        """The control."""
        for machine in (self.lan.hub, self.lan.node):
            machine.unprotect()
        # Who was not found a moment ago is looked for again.
        who.run("ip", "neighbour", "flush", "all")
        self.assertEqual(who.reaches(places, places), places)

    def judge(self, who, places, answering):
        """With rules some answer; without them, all."""
        self.expect(who, places, answering)
        self.expect_all(who, places)


def at(address, *kinds):
    """Places of the ports at an address."""
    return [(protocol, address, port) for protocol, port in kinds]


class Arriving(InALan):
    def test_before_the_workshop_is_known_nobody_is_let_in_and_the_machine_still_gets_out(self):
        for machine in (self.lan.hub, self.lan.node):
            machine.run("nft", "--file", MACHINE)
        outside = at(Lan.INTERNET, ("tcp", 443))
        self.expect(self.lan.hub, outside, outside)
        places = [*at(HUB, *OUTER, *INNER), *at(HUB_6, *OUTER, *INNER), *at(NODE, *OUTER), ("tcp", NODE, 32768)]
        self.judge(self.lan.neighbour, places, [])

    def test_a_hub_lets_in_whom_the_table_names(self):
        self.lan.hub.protect(ON_HUB, enrolled=os.path.dirname(self.write("enrolled/10.77.0.7")))
        everybody = [*at(HUB, ("tcp", 443), ("tcp", 80)), *at(HUB_6, ("tcp", 443), ("tcp", 80))]
        network = at(HUB, *(("tcp", port) for port in (2377, 7443, 7946, 8081)), ("udp", 7946))
        nodes = at(HUB, ("tcp", 2049))
        places = [*at(HUB, *OUTER, *INNER), *at(HUB_6, *OUTER, *INNER)]
        self.expect(self.lan.node, places, everybody + network + nodes)
        self.expect(self.lan.neighbour, places, everybody + network)
        # By another subnet of the hub, and so with another source.
        self.expect(self.lan.neighbour, at(PUBLIC_HUB, *OUTER, *INNER), at(PUBLIC_HUB, ("tcp", 443), ("tcp", 80)))
        self.expect_all(self.lan.neighbour, [*places, *at(PUBLIC_HUB, *OUTER, *INNER)])

    def test_a_node_lets_the_hub_alone_reach_notebooks_and_the_network_its_gossip(self):
        self.lan.node.protect(ON_NODE)
        gossip = at(NODE, ("tcp", 7946), ("udp", 7946))
        notebooks = at(NODE, ("tcp", 32768), ("tcp", 40000))
        places = [*at(NODE, *OUTER, *INNER), *at(NODE_6, *OUTER, *INNER), *notebooks, ("tcp", NODE_6, 32768)]
        self.expect(self.lan.hub, places, gossip + notebooks)
        self.judge(self.lan.neighbour, places, gossip)

    def test_the_classic_engine_has_ports_of_its_own(self):
        self.lan.hub.protect({**ON_HUB, "engine": "classic"})
        self.lan.node.protect({**ON_NODE, "engine": "classic"})
        on_hub = at(HUB, *(("tcp", port) for port in (80, 443, 2049, 8081, 8500)))
        places = [*at(HUB, *OUTER, *INNER), *at(NODE, *OUTER, *INNER)]
        self.expect(self.lan.hub, at(NODE, *OUTER, *INNER), at(NODE, ("tcp", 2375), ("tcp", 40000)))
        self.judge(self.lan.neighbour, places, on_hub)

    def test_services_of_a_classic_hub_do_not_reach_docker_unless_they_are_roots(self):
        unguarded = [*at(NODE, ("tcp", 2375)), *at(HUB, ("tcp", 4000)), *at(HUB_6, ("tcp", 4000)), ("tcp", "::1", 4000)]
        places = [*unguarded, *at(HUB, ("tcp", 8500))]
        somebody = ("setpriv", "--reuid", "65534", "--clear-groups")
        self.lan.hub.protect({**ON_HUB, "engine": "classic"})
        self.assertEqual(self.lan.hub.reaches(places, places[-1:], somebody), places[-1:])
        self.expect(self.lan.hub, places, places)
        # Nobody listens there with the engine `swarm`, and whatever does is no way to Docker.
        self.lan.hub.protect(ON_HUB)
        self.assertEqual(self.lan.hub.reaches(places, places, somebody), places)

    def test_ssh_is_open_where_the_workshop_has_administrators(self):
        places = at(HUB, ("tcp", 22))
        self.lan.hub.protect(ON_HUB)
        self.expect(self.lan.neighbour, places, [])
        self.lan.hub.protect(ON_HUB, ssh=self.write("sshd.conf"))
        self.expect(self.lan.neighbour, places, places)

    def test_without_a_rendezvous_the_workshops_network_reaches_homes(self):
        self.lan.hub.protect({**ON_HUB, "network": f"{Lan.PUBLIC}.0/24"})
        places = [*at(HUB, ("tcp", 2049)), *at(PUBLIC_HUB, ("tcp", 2049))]
        self.expect(self.lan.neighbour, places, at(PUBLIC_HUB, ("tcp", 2049)))

    def test_a_node_that_enrols_reaches_homes_and_one_that_leaves_does_not(self):
        folder = os.path.dirname(self.write("enrolled/10.77.0.77"))
        self.write("enrolled/.unfinished")
        places = at(HUB, ("tcp", 2049))
        for here, answering in ((False, []), (True, places), (False, [])):
            if here:
                self.write("enrolled/10.77.0.9")
            elif os.path.exists(f"{folder}/10.77.0.9"):
                os.remove(f"{folder}/10.77.0.9")
            self.lan.hub.protect(ON_HUB, enrolled=folder)
            self.expect(self.lan.neighbour, places, answering)

    def test_nobody_sends_a_packet_through_a_node_to_a_container(self):
        for container in ("172.17.0.0/16", "fd00:17::/64"):
            via = NODE if "." in container else NODE_6
            self.lan.neighbour.run("ip", "route", "replace", container, "via", via)
        self.lan.node.protect(ON_NODE)
        self.judge(self.lan.neighbour, [("tcp", "172.17.0.2", 8888), ("tcp", "fd00:17::2", 8888)], [])

    def test_what_a_network_needs_gets_through(self):
        self.lan.hub.protect(ON_HUB)
        for address in (HUB, HUB_6):
            # New neighbours have to find each other first.
            self.lan.neighbour.run("ip", "neighbour", "flush", "all")
            self.assertEqual(self.lan.neighbour.run(sys.executable, "-c", PING, address), "answered\n", address)
        client = ["python3", "-c", OFFERED]
        listener = subprocess.Popen([*self.lan.hub.inside, *client], stdout=subprocess.PIPE, text=True)
        self.addCleanup(listener.stdout.close)
        self.assertEqual(listener.stdout.readline(), "ready\n")
        self.lan.router.run(sys.executable, "-c", OFFER)
        self.assertEqual(listener.wait(10), 0)

    def test_organisers_open_ports_of_their_own_and_a_broken_rule_of_theirs_opens_nothing_else(self):
        places = at(HUB, ("tcp", 4000), ("tcp", 443))
        for rule, answering in (("tcp dport 4000 ip saddr 10.77.0.9 accept", places), ("tea accept", places[1:])):
            self.write("own.nft", f"add rule inet imagegen_machine ports {rule}\n")
            said = self.lan.hub.protect(ON_HUB, own=f"{self.root}/*.nft")
            self.assertEqual("are left out" in said, answering != places, said)
            self.expect(self.lan.neighbour, places, answering)


# An echo request by a socket for that alone, which any user may have here.
PING = """
import socket, struct, sys
six = ":" in sys.argv[1]
family, protocol = (socket.AF_INET6, socket.IPPROTO_ICMPV6) if six else (socket.AF_INET, socket.IPPROTO_ICMP)
body = struct.pack("!BBHHH", 128 if six else 8, 0, 0, 7, 1)
total = sum(struct.unpack("!4H", body))
body = struct.pack("!BBHHH", 128 if six else 8, 0, 0 if six else ~total & 0xffff, 7, 1)
with socket.socket(family, socket.SOCK_RAW, protocol) as box:
    box.settimeout(3)
    box.sendto(body, (sys.argv[1], 0))
    while True:
        answer, sender = box.recvfrom(512)
        if (answer[0] if six else answer[20]) == (129 if six else 0):
            break
print("answered")
"""
# A DHCP server's offer goes to everybody, for an address that the client does not have yet.
OFFERED = """
import socket, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as box:
    box.bind(("", 68))
    box.settimeout(5)
    print("ready", flush=True)
    sys.exit(box.recv(99) != b"offer")
"""
OFFER = f"""
import socket
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as box:
    box.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    box.bind(("", 67))
    box.sendto(b"offer", ("{Lan.PRIVATE}.255", 68))
"""


class Notebooks(InALan):
    def test_notebooks_reach_the_hubs_api_the_resolver_and_the_internet(self):
        resolvers = [self.write("resolv.conf", f"nameserver 127.0.0.53\nnameserver {Lan.PRIVATE}.1\noptions edns0\n")]
        self.lan.hub.protect(ON_HUB)
        self.lan.node.protect(ON_NODE, resolvers=resolvers)
        router = f"{Lan.PRIVATE}.1"
        reached = [("tcp", HUB, 8081), ("udp", router, 53), ("tcp", router, 53)]
        reached += [("tcp", Lan.INTERNET, 443), ("tcp", Lan.INTERNET_6, 443)]
        refused = [("tcp", router, 443), ("udp", HUB, 53), ("udp", NEIGHBOUR, 53)]
        for address in (HUB, PUBLIC_HUB, HUB_6, NEIGHBOUR, PUBLIC_NEIGHBOUR, NEIGHBOUR_6):
            refused += [("tcp", address, port) for port in (443, 2049)]
        refused += [("tcp", address, 8081) for address in (PUBLIC_HUB, HUB_6, NEIGHBOUR)]
        refused += [("tcp", "172.17.0.1", 443), ("tcp", NODE, 443), ("tcp", NODE_6, 443), ("tcp", "172.17.0.3", 8888)]
        self.judge(self.lan.first, reached + refused, reached)

    def test_what_the_organiser_opens_is_open(self):
        self.lan.node.protect({**ON_NODE, "reachable": [f"{PUBLIC_NEIGHBOUR}/32"]})
        places = [("tcp", PUBLIC_NEIGHBOUR, 443), ("tcp", NEIGHBOUR, 443)]
        self.judge(self.lan.first, places, places[:1])

    def test_a_network_that_comes_later_is_closed_too(self):
        node, neighbour = self.lan.node, self.lan.neighbour
        node.protect(ON_NODE)
        for machine, number in ((node, 7), (neighbour, 9)):
            machine.addresses("ens3", f"203.0.113.{number}/24", f"2001:db8:99::{number}/64")
            self.addCleanup(machine.run, "ip", "address", "del", f"203.0.113.{number}/24", "dev", "ens3")
            self.addCleanup(machine.run, "ip", "address", "del", f"2001:db8:99::{number}/64", "dev", "ens3")
        places = [("tcp", "203.0.113.9", 443), ("tcp", "2001:db8:99::9", 443)]
        self.expect(self.lan.first, places, places)
        node.protect(ON_NODE)
        self.judge(self.lan.first, places, [])

    def test_containers_of_one_bridge_are_apart_whatever_br_netfilter_does(self):
        self.lan.node.protect(ON_NODE)
        for path in ("iptables", "ip6tables"):
            self.lan.node.write(f"/proc/sys/net/bridge/bridge-nf-call-{path}", "0")
        places = [("tcp", "172.17.0.3", 8888), ("udp", "172.17.0.3", 8888), ("tcp", "fd00:17::3", 8888)]
        self.expect(self.lan.first, places, [])
        self.lan.node.run("nft", "delete", "table", "bridge", "imagegen_machine")
        self.lan.first.run("ip", "neighbour", "flush", "all")
        self.expect(self.lan.first, places, places)


# Sends from so many ports, and prints how many were answered.
FLOOD = """
import selectors, socket, sys, time
address, count = sys.argv[1], int(sys.argv[2])
boxes, answered = selectors.DefaultSelector(), 0
opened = []
for number in range(count):
    box = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    box.setblocking(False)
    box.connect((address, 5000))
    boxes.register(box, selectors.EVENT_READ)
    opened.append(box)
    box.send(b"?")
    if number % 50 == 49:
        time.sleep(0.01)
end = time.monotonic() + 2
while time.monotonic() < end and answered < count:
    for key, _ in boxes.select(0.2):
        try:
            key.fileobj.recv(9)
            answered += 1
        except OSError:
            pass
        boxes.unregister(key.fileobj)
print(answered)
"""


class Limits(InALan):
    def protect(self, **numbers):
        """The node's firewall, with other numbers than its own, which a test would take long to reach."""
        with open(MACHINE) as file:
            text = file.read()
        for before, after in numbers.items():
            place = {"held": "ct count over 2000", "burst": "burst 1000 packets"}[before]
            self.assertEqual(text.count(place), 2)
            text = text.replace(place, f"{place.rsplit(' ', 1 if before == 'held' else 2)[0]} {after}")
        self.lan.node.protect(ON_NODE, machine=self.write("machine.nft", text))

    def flood(self, who, address, count):
        return int(who.run(sys.executable, "-c", FLOOD, address, str(count)))

    def connections(self):
        """How many the node's kernel keeps in mind."""
        return int(self.lan.node.run("cat", "/proc/sys/net/netfilter/nf_conntrack_count"))

    def test_a_container_holds_so_many_connections_and_its_neighbour_has_its_own(self):
        for address in (Lan.INTERNET, Lan.INTERNET_6):
            self.protect(held=100)
            before = self.connections()
            self.assertEqual(self.flood(self.lan.first, address, 300), 100)
            self.assertLess(self.connections() - before, 150)
            self.assertEqual(self.flood(self.lan.second, address, 60), 60)
            self.lan.node.unprotect()
            self.assertEqual(self.flood(self.lan.first, address, 300), 300)

    def test_a_container_opens_so_many_connections_at_once(self):
        for address in (Lan.INTERNET, Lan.INTERNET_6):
            self.protect(burst="40 packets")
            opened = self.flood(self.lan.first, address, 900)
            self.assertGreater(opened, 39)
            self.assertLess(opened, 500)
            self.lan.node.unprotect()
            self.assertEqual(self.flood(self.lan.first, address, 900), 900)

    def test_a_class_with_the_most_that_each_may_hold_fits_the_smallest_table(self):
        with open(MACHINE) as file:
            self.assertEqual(file.read().count("ct count over 2000 }"), 2)
        self.assertLess(30 * 2000, 65536)


class Loading(InALan):
    def watch(self, config, *more):
        """The program itself, as systemd starts it."""
        path = self.write("settings.json", json.dumps(config))
        program = (
            "import sys; from imagegen import settings\n"
            f"settings.settings.__defaults__ = ({path!r},)\n"
            "from imagegen.inbound import watch, surroundings\n"
            f"watch.INTERVAL, surroundings.ENROLLED = 0.2, {self.root + '/enrolled'!r}\n"
            f"{';'.join(more)}\nwatch.main()\n"
        )
        inside = [*self.lan.hub.inside, "env", f"PYTHONPATH={project.LIBRARY}", "PYTHONDONTWRITEBYTECODE=1"]
        process = subprocess.Popen([*inside, sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def until(self, wanted):
        """Waits for a text in the rules of the hub."""
        end = time.monotonic() + 30
        while time.monotonic() < end:
            rules = subprocess.run([*self.lan.hub.inside, "nft", "list", "ruleset"], capture_output=True, text=True)
            if wanted in rules.stdout:
                return
            time.sleep(0.1)
        self.fail(f"no {wanted} in {rules.stdout}")

    def test_the_rules_follow_what_changes(self):
        self.watch(ON_HUB)
        self.until(f"elements = {{ {HUB} }}")
        self.until(f"elements = {{ {Lan.PRIVATE}.0/24, {Lan.PUBLIC}.0/24 }}")
        self.lan.hub.addresses("ens3", "203.0.113.5/24")
        self.addCleanup(self.lan.hub.run, "ip", "address", "del", "203.0.113.5/24", "dev", "ens3")
        self.until("203.0.113.0/24")
        self.write("enrolled/10.77.0.7")
        self.until("elements = { 10.77.0.7 }")

    def test_rules_that_the_kernel_does_not_take_are_told_once_and_tried_again(self):
        broken = self.write("broken.nft", "table inet imagegen_machine {\n")
        process = self.watch(ON_HUB, f"watch.MACHINE = {broken!r}")
        said = process.stdout.readline()
        self.assertIn("The firewall cannot be loaded, and Docker does not start without it: ", said)
        time.sleep(1)
        with open(MACHINE) as file:
            self.write("broken.nft", file.read())
        self.assertEqual(process.stdout.readline(), "The firewall is loaded.\n")


class Table(unittest.TestCase):
    def test_every_port_has_one_owner_and_one_peer(self):
        seen = {}
        for port in ports.table():
            self.assertLessEqual(*port["ports"])
            for engine in port["engines"]:
                for other in seen.setdefault((port["role"], port["protocol"], engine), []):
                    apart = other["ports"][1] < port["ports"][0] or port["ports"][1] < other["ports"][0]
                    self.assertTrue(apart, f"{other} and {port}")
                seen[port["role"], port["protocol"], engine].append(port)
        sets = watch.commands({}, {name: [] for name in SETS})
        for port in ports.table():
            self.assertIn(port["peer"], {"anywhere", *SETS})
            self.assertTrue(port["peer"] == "anywhere" or f" {port['peer']}\n" in sets)

    def test_on_a_classic_hub_jupyterhub_asks_the_manager_and_root_alone_docker(self):
        known = [types.SimpleNamespace(pw_name=name, pw_uid=uid) for name, uid in (("root", 0), ("jupyterhub", 998))]
        with mock.patch.object(
            ports.pwd, "getpwall", return_value=[*known, types.SimpleNamespace(pw_name="caddy", pw_uid=997)]
        ):
            self.assertEqual(
                ports.departing({**ON_HUB, "engine": "classic"}),
                [
                    "tcp dport 2375 meta skuid != { 0 } reject with tcp reset",
                    "tcp dport 4000 meta skuid != { 0, 998 } reject with tcp reset",
                ],
            )
            self.assertEqual(ports.departing({**ON_NODE, "engine": "classic"}), [])

    def test_routes_over_others_lead_to_no_neighbours(self):
        link = "eth0"
        rows = (
            ("20010db8000000000000000000000000", "40", "0" * 32, link, ["2001:db8::/64"]),
            ("20010db8000100000000000000000000", "30", "fe80" + "0" * 27 + "1", link, []),
            ("0" * 32, "00", "fe80" + "0" * 27 + "1", link, []),
            ("20000000000000000000000000000000", "03", "0" * 32, link, []),
            ("fe800000000000000000000000000000", "40", "0" * 32, link, []),
            ("ff000000000000000000000000000000", "08", "0" * 32, link, []),
            ("20010db8000200000000000000000000", "40", "0" * 32, "docker0", []),
        )
        for destination, length, gateway, interface, wanted in rows:
            row = f"{destination} {length} {'0' * 32} 00 {gateway} 00000100 00000001 00000000 00000001 {interface}\n"
            self.assertEqual([str(each) for each in surroundings.on_link_6(row)], wanted, row)


SETS = ("hub", "network", "enrolled")

if __name__ == "__main__":
    unittest.main()
