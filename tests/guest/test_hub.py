import ipaddress
import os
import stat
import tempfile
import unittest

import project  # noqa: F401  (sets the path)

import address
import files
import homes
import passwords
import swarm


def link(name, own, prefix, scope="global"):
    return {"ifname": name, "addr_info": [{"local": own, "prefixlen": prefix, "scope": scope}]}


def config(network=None, hub_ip=None):
    return {"network": network, "hub_ip": hub_ip}


class OwnInterface(unittest.TestCase):
    LINKS = [
        link("lo", "127.0.0.1", 8, "host"),
        link("docker0", "172.17.0.1", 16),
        link("ens3", "10.0.0.5", 24),
        link("ens4", "192.168.7.5", 24),
    ]

    def test_the_address_that_was_asked_for_comes_first(self):
        own = address.own_interface(self.LINKS, config("10.0.0.0/24", "192.168.7.5"), "10.0.0.5")
        self.assertEqual(str(own), "192.168.7.5/24")
        self.assertIsNone(address.own_interface(self.LINKS, config(None, "10.0.0.9"), "10.0.0.5"))

    def test_then_the_workshops_network(self):
        own = address.own_interface(self.LINKS, config("192.168.7.0/24"), "10.0.0.5")
        self.assertEqual(own, ipaddress.ip_interface("192.168.7.5/24"))

    def test_then_the_way_out(self):
        self.assertEqual(str(address.own_interface(self.LINKS, config(), "192.168.7.5")), "192.168.7.5/24")

    def test_then_the_first_that_is_not_dockers(self):
        self.assertEqual(str(address.own_interface(self.LINKS, config(), None)), "10.0.0.5/24")

    def test_none_is_none(self):
        self.assertIsNone(address.own_interface(self.LINKS[:2], config(), None))
        self.assertIsNone(address.own_interface(self.LINKS, config("10.9.0.0/16"), None))


class Shares(unittest.TestCase):
    def test_notebooks_on_the_hub_find_a_share_below_a_folder_that_is_not_there(self):
        with tempfile.TemporaryDirectory() as root:
            for _ in range(2):
                homes.make_shares([[f"{root}/srv/course", False]], {f"{root}/data/course": f"{root}/srv/course"})
                self.assertEqual(os.readlink(f"{root}/data/course"), f"{root}/srv/course")
                self.assertEqual(os.listdir(f"{root}/data/course"), [])

    def test_all_write_to_a_new_folder_that_is_writable_and_one_that_was_there_stays_as_it_was(self):
        with tempfile.TemporaryDirectory() as root:
            os.mkdir(f"{root}/there", 0o750)
            shares = [["there", True], ["deep/results", True], ["data", False]]
            homes.make_shares([[f"{root}/{name}", writable] for name, writable in shares], {})
            modes = {name: stat.S_IMODE(os.stat(f"{root}/{name}").st_mode) for name in ("there", "deep", "deep/results", "data")}
            self.assertEqual(modes["there"], 0o750)
            self.assertEqual(modes["deep/results"], 0o1777)
            for name in ("deep", "data"):
                self.assertFalse(modes[name] & stat.S_IWOTH, name)


class Exports(unittest.TestCase):
    def test_homes_are_written_and_shares_read(self):
        text = homes.exports("10.0.0.0/24", "/srv/homes", [["/srv/data", False], ["/srv/out", True]])
        self.assertEqual(
            text.splitlines(),
            [
                "/srv/homes 10.0.0.0/24(rw,sync,root_squash,no_subtree_check)",
                "/srv/data 10.0.0.0/24(ro,sync,root_squash,no_subtree_check)",
                "/srv/out 10.0.0.0/24(rw,sync,root_squash,no_subtree_check)",
            ],
        )


class Superseded(unittest.TestCase):
    def node(self, node_id, name, state):
        return {"ID": node_id, "Description": {"Hostname": name}, "Status": {"State": state}}

    def test_only_a_node_that_came_back_under_its_name(self):
        nodes = [self.node("a", "node-1", "down"), self.node("b", "node-1", "ready"), self.node("c", "node-2", "down")]
        self.assertEqual(swarm.superseded(nodes), ["a"])


class Passwords(unittest.TestCase):
    def test_they_are_the_ones_on_the_cards(self):
        # The tests of `Secrets::password` have the same vectors.
        seed = "2c0vfgK0nY1AlNzIJWd92ApaRgZkMCOHHRK_jxt_Bms"
        self.assertEqual(passwords.generated(seed, "training", "ada"), "qh9r-zh7a-ka3s")
        self.assertEqual(passwords.generated(seed, "galaxy-2026", "ada"), "piuq-sjg6-zm2e")


class WriteWhole(unittest.TestCase):
    def test_a_file_that_is_right_is_left_alone(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "exports")
            self.assertTrue(files.write_whole(path, "one"))
            self.assertFalse(files.write_whole(path, "one"))
            self.assertTrue(files.write_whole(path, "two"))
            self.assertEqual(os.listdir(folder), ["exports"])


if __name__ == "__main__":
    unittest.main()
