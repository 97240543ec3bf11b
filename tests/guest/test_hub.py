import ipaddress
import os
import tempfile
import unittest

import project  # noqa: F401  (sets the path)

import common
import hub


def link(name, address, prefix, scope="global"):
    return {"ifname": name, "addr_info": [{"local": address, "prefixlen": prefix, "scope": scope}]}


class OwnInterface(unittest.TestCase):
    LINKS = [
        link("lo", "127.0.0.1", 8, "host"),
        link("docker0", "172.17.0.1", 16),
        link("ens3", "10.0.0.5", 24),
        link("ens4", "192.168.7.5", 24),
    ]

    def test_the_workshops_network_decides(self):
        own = hub.own_interface(self.LINKS, "192.168.7.0/24", "10.0.0.5")
        self.assertEqual(own, ipaddress.ip_interface("192.168.7.5/24"))

    def test_then_the_way_out(self):
        self.assertEqual(str(hub.own_interface(self.LINKS, None, "192.168.7.5")), "192.168.7.5/24")

    def test_then_the_first_that_is_not_dockers(self):
        self.assertEqual(str(hub.own_interface(self.LINKS, None, None)), "10.0.0.5/24")

    def test_none_is_none(self):
        self.assertIsNone(hub.own_interface(self.LINKS[:2], None, None))
        self.assertIsNone(hub.own_interface(self.LINKS, "10.9.0.0/16", None))


class Superseded(unittest.TestCase):
    def node(self, node_id, name, state):
        return {"ID": node_id, "Description": {"Hostname": name}, "Status": {"State": state}}

    def test_only_a_node_that_came_back_under_its_name(self):
        nodes = [self.node("a", "node-1", "down"), self.node("b", "node-1", "ready"), self.node("c", "node-2", "down")]
        self.assertEqual(hub.superseded(nodes), ["a"])


class WriteWhole(unittest.TestCase):
    def test_a_file_that_is_right_is_left_alone(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "exports")
            self.assertTrue(common.write_whole(path, "one"))
            self.assertFalse(common.write_whole(path, "one"))
            self.assertTrue(common.write_whole(path, "two"))
            self.assertEqual(os.listdir(folder), ["exports"])


if __name__ == "__main__":
    unittest.main()
