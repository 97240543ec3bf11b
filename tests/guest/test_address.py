"""The hub's own address. JupyterHub once listened at an address of the loopback interface after a restart, and all
notebooks lost the hub's API."""

import ipaddress
import json
import os
import re
import subprocess
import sys
import tempfile
import unittest
from unittest import mock

import project
from imagegen.hub import address


def link(name, own, prefix, scope="global"):
    flags = ["LOOPBACK"] if name == "lo" else ["BROADCAST", "MULTICAST"]
    addresses = [{"family": "inet", "local": own, "prefixlen": prefix, "scope": scope}]
    return {"ifname": name, "flags": [*flags, "UP", "LOWER_UP"], "addr_info": addresses}


def config(network=None, hub_ip=None):
    return {"hub_ip": hub_ip, **({"network": network} if network else {})}


# What a student's or an organiser's program may add to `lo`; the kernel's choice on the way out of a machine without a
# default route may be this one.
STRAY = link("lo", "198.51.100.1", 32)
LINKS = [
    link("lo", "127.0.0.1", 8, "host"),
    STRAY,
    link("docker0", "172.17.0.1", 16),
    link("br-5c0ffee", "172.18.0.1", 16),
    link("ens3", "10.0.0.5", 24),
    link("ens4", "192.168.7.5", 24),
]


class Choice(unittest.TestCase):
    def choose(self, workshop, outward, links=LINKS):
        found = address.choose(address.candidates(links), workshop, outward)
        return None if found is None else str(found)

    def test_the_address_that_was_asked_for_comes_first(self):
        self.assertEqual(self.choose(config("10.0.0.0/24", "192.168.7.5"), "10.0.0.5"), "192.168.7.5/24")
        self.assertIsNone(self.choose(config(None, "10.0.0.9"), "10.0.0.5"))

    def test_then_the_workshops_network(self):
        self.assertEqual(self.choose(config("192.168.7.0/24"), "10.0.0.5"), "192.168.7.5/24")

    def test_then_the_way_out(self):
        self.assertEqual(self.choose(config(), "192.168.7.5"), "192.168.7.5/24")

    def test_then_the_first_that_is_not_dockers(self):
        self.assertEqual(self.choose(config(), None), "10.0.0.5/24")

    def test_none_is_none(self):
        self.assertIsNone(self.choose(config(), None, LINKS[:4]))
        self.assertIsNone(self.choose(config("10.9.0.0/16"), None))

    def test_an_address_of_the_loopback_interface_is_never_chosen(self):
        for outward in (None, "198.51.100.1", "10.0.0.5"):
            self.assertEqual(self.choose(config(), outward), "10.0.0.5/24")
        for workshop in (config("198.51.100.0/24"), config(None, "198.51.100.1")):
            self.assertIsNone(self.choose(workshop, "198.51.100.1"))
        self.assertIsNone(self.choose(config(), "198.51.100.1", [STRAY]))

    def test_it_reads_what_the_machines_own_ip_prints(self):
        shown = subprocess.run(["ip", "-j", "-4", "address"], check=True, capture_output=True, text=True).stdout
        self.assertNotIn(ipaddress.IPv4Interface("127.0.0.1/8"), address.candidates(json.loads(shown)))


class Decision(unittest.TestCase):
    """Services that start at different moments, while addresses come and go in `links`."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.decided = f"{folder.name}/address"
        self.links, self.said, self.outward = list(LINKS), [], None
        project.replace(
            self,
            address,
            DECIDED=self.decided,
            announce=self.said.append,
            route_source=lambda _: self.outward,
            present=lambda: address.candidates(self.links),
        )

    def find(self, workshop=None):
        return str(address.find_interface(workshop or config()))

    def test_what_was_decided_stays_decided_when_another_address_appears(self):
        self.outward = "10.0.0.5"
        self.assertEqual(self.find(), "10.0.0.5/24")
        self.links.insert(0, link("ens2", "203.0.113.7", 24))
        for self.outward in ("203.0.113.7", "198.51.100.1", None):
            self.assertEqual(self.find(), "10.0.0.5/24")

    def test_an_address_that_the_machine_has_lost_is_decided_again(self):
        self.assertEqual(self.find(), "10.0.0.5/24")
        self.links = [STRAY, link("ens4", "192.168.7.5", 24)]
        self.assertEqual(self.find(), "192.168.7.5/24")
        with open(self.decided) as file:
            self.assertEqual(file.read(), "192.168.7.5/24\n")

    def test_a_decision_that_cannot_be_read_is_made_again(self):
        for text in ("", "no address", "10.0.0.5/99"):
            with open(self.decided, "w") as file:
                file.write(text)
            self.assertEqual(self.find(), "10.0.0.5/24")

    def test_a_service_that_may_not_write_it_reads_it(self):
        self.assertEqual(self.find(), "10.0.0.5/24")
        self.links.insert(0, link("ens2", "203.0.113.7", 24))
        with mock.patch.object(address, "write_whole", side_effect=PermissionError):
            self.assertEqual(self.find(), "10.0.0.5/24")
            os.remove(self.decided)
            self.assertEqual(self.find(), "203.0.113.7/24")

    def test_an_address_that_is_missing_is_waited_for_and_told_once(self):
        self.links = [STRAY]
        waits = []

        def sleep(seconds):
            waits.append(seconds)
            if len(waits) == 3:
                self.links.append(link("ens3", "10.0.0.5", 24))

        with mock.patch("time.sleep", sleep):
            self.assertEqual(self.find(config(None, "10.0.0.5")), "10.0.0.5/24")
        self.assertEqual(self.said, ["Waiting for the workshop's address 10.0.0.5."])


class Network(unittest.TestCase):
    """To whom homes are exported, and the rendezvous answers."""

    GATEWAY = [{"dst": "default", "gateway": "10.0.0.1"}, {"dst": "10.0.0.1", "scope": "link"}]

    def network(self, own, workshop=None, routes=()):
        own, said = ipaddress.IPv4Interface(own), []

        def stop(_):
            raise TimeoutError(*said)

        fakes = {"find_interface": lambda _: own, "shown": lambda _: list(routes), "announce": said.append}
        with mock.patch.multiple(address, **fakes), mock.patch("time.sleep", stop):
            return str(address.find_network(workshop or config()))

    def test_it_is_what_the_workshop_says(self):
        self.assertEqual(self.network("10.0.0.5/8", config("10.0.0.0/28")), "10.0.0.0/28")
        self.assertEqual(self.network("10.0.0.5/24", config("10.0.0.0/16")), "10.0.0.0/16")
        self.assertEqual(self.network("10.0.0.5/32", config("10.0.0.0/24")), "10.0.0.0/24")

    def test_otherwise_it_is_the_network_of_the_hubs_address(self):
        self.assertEqual(self.network("10.0.0.5/8"), "10.0.0.0/8")
        self.assertEqual(self.network("192.168.7.5/24", routes=[{"dst": "192.168.0.0/16"}]), "192.168.7.0/24")

    def test_an_address_without_a_network_has_that_of_the_widest_route_to_its_neighbours(self):
        routes = [*self.GATEWAY, {"dst": "10.0.0.0/24"}, {"dst": "10.0.0.0/20"}, {"dst": "172.17.0.0/16"}]
        self.assertEqual(self.network("10.0.0.5/32", routes=routes), "10.0.0.0/20")

    def test_where_nothing_tells_the_organiser_hears_what_is_needed(self):
        for routes in (self.GATEWAY, [], [*self.GATEWAY, {"dst": "0.0.0.0/1"}, {"dst": "172.17.0.0/16"}]):
            with self.assertRaisesRegex(TimeoutError, "10.0.0.5/32.*set `network.cidr`"):
                self.network("10.0.0.5/32", routes=routes)


# Started in a network namespace of its own. Prints what was answered to each of the addresses that then asks.
RENDEZVOUS = """
import os, sys, threading, time
sys.path.insert(0, sys.argv[1])
from imagegen.hub import address, rendezvous
from imagegen.node import hub
os.environ.update(CREDENTIALS_DIRECTORY=sys.argv[2], RUNTIME_DIRECTORY=sys.argv[2])
address.DECIDED = sys.argv[2] + "/address"
threading.Thread(target=rendezvous.main, daemon=True).start()
for source in sys.argv[3:]:
    end, said = time.monotonic() + 20, "refused"
    while "refused" in said and time.monotonic() < end:
        line = hub.http.client.HTTPSConnection(
            "10.0.0.5", rendezvous.PORT, timeout=20, source_address=(source, 0), context=hub.unverified()
        )
        try:
            line.request("GET", "/")
            said = str(line.getresponse().status)
        except OSError as error:
            said = str(error)
            time.sleep(0.1)
    print(source, "is answered" if said == "401" else "is not answered")
"""


def may_have_networks():
    made = ["unshare", "--net", "ip", "link", "add", "ens3", "type", "veth", "peer", "name", "other"]
    return subprocess.run(made, capture_output=True, check=False).returncode == 0


@unittest.skipUnless(may_have_networks(), "needs network namespaces")
class Rendezvous(unittest.TestCase):
    """The real rendezvous on real interfaces and routes."""

    def answered(self, own, commands, workshop, *sources):
        with tempfile.TemporaryDirectory() as folder:
            request = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=hub"
            files = ["-keyout", f"{folder}/key", "-out", f"{folder}/certificate"]
            subprocess.run(["openssl", *request.split(), *files], check=True, capture_output=True)
            with open(f"{folder}/settings", "w") as file:
                json.dump({**workshop, "join_key": "key"}, file)
            script = ["ip link add ens3 type veth peer name other", "ip link set lo up", "ip link set ens3 up"]
            script += ["ip link set other up", f"ip address add {own} dev ens3", *commands]
            script += [f"ip address add {source}/32 dev lo" for source in sources]
            script += ['exec "$@"']
            program = [sys.executable, "-Bc", RENDEZVOUS, project.LIBRARY, folder, *sources]
            command = ["unshare", "--net", "sh", "-euc", "\n".join(script), "sh", *program]
            done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
            return re.findall(r"([0-9.]+) is answered", done.stdout), done.stdout + done.stderr

    def test_a_narrow_cidr_keeps_the_others_of_a_wide_network_out(self):
        found, said = self.answered("10.0.0.5/8", [], config("10.0.0.0/28"), "10.0.0.7", "10.9.9.9")
        self.assertEqual(found, ["10.0.0.7"], said)

    def test_a_wide_cidr_lets_nodes_of_other_subnets_in(self):
        found, said = self.answered("10.0.0.5/24", [], config("10.0.0.0/16"), "10.0.9.9", "10.1.0.9")
        self.assertEqual(found, ["10.0.9.9"], said)

    def test_it_listens_at_an_address_without_a_network(self):
        routes = ["ip route add 10.0.0.0/24 dev ens3", "ip route add default via 10.0.0.1 dev ens3"]
        for commands, workshop in ((routes, config()), ([], config("10.0.0.0/24"))):
            found, said = self.answered("10.0.0.5/32", commands, workshop, "10.0.0.9", "10.0.1.9")
            self.assertEqual(found, ["10.0.0.9"], said)


if __name__ == "__main__":
    unittest.main()
