"""The hub's own address. JupyterHub once listened at an address of the loopback interface after a restart, and all
notebooks lost the hub's API."""

import ipaddress
import json
import os
import subprocess
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
        self.assertEqual(self.said, ["Waiting for the address 10.0.0.5, as the workshop says."])


if __name__ == "__main__":
    unittest.main()
