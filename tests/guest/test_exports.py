"""To whom a golden hub exports what, as exports(5) gets it."""

import os
import tempfile
import unittest
from unittest import mock

import project
from imagegen.hub import exports

OPTIONS = "sync,root_squash,no_subtree_check,sec=sys,mountpoint="


class Exports(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = f"{folder.name}/enrolled"
        self.path = f"{folder.name}/exports.d/imagegen.exports"
        self.config = {"engine": "swarm", "homes": "/home", "shares": [["/srv/data", False], ["/srv/out", True]]}
        self.commands, self.said = [], []
        self.points = {"/home": "/home", "/srv/data": "/srv/data", "/srv/out": "/srv"}
        project.replace(
            self,
            exports,
            EXPORTS=self.path,
            mount_point=self.points.get,
            announce=self.said.append,
            say=self.said.append,
            subprocess=mock.Mock(run=lambda command, check: self.commands.append(command)),
        )

    def text(self):
        with open(self.path) as file:
            return file.read()

    def test_each_folder_is_exported_to_single_machines_with_its_own_access(self):
        self.assertEqual(
            exports.render(self.config, ["10.0.0.7/32", "10.0.0.8/32"]),
            f"/srv/data -ro,{OPTIONS}/srv/data 10.0.0.7/32 10.0.0.8/32\n"
            f"/srv/out -rw,{OPTIONS}/srv 10.0.0.7/32 10.0.0.8/32\n"
            f"/home -rw,{OPTIONS}/home 10.0.0.7/32 10.0.0.8/32\n",
        )

    def test_without_nodes_nothing_is_exported(self):
        self.assertEqual(exports.render(self.config, []), "")

    def test_homes_that_are_a_share_too_are_written(self):
        text = exports.render({**self.config, "shares": [["/home", False]]}, ["10.0.0.7/32"])
        self.assertEqual(text, f"/home -rw,{OPTIONS}/home 10.0.0.7/32\n")

    def test_the_root_file_system_is_never_exported(self):
        self.points["/home"] = None
        self.assertNotIn("/home", exports.render(self.config, ["10.0.0.7/32"]))
        self.assertEqual(self.said, ["/home is on the hub's root file system, and not exported."])

    def test_only_addresses_of_ipv4_get_into_the_file(self):
        os.makedirs(self.folder)
        for name in ("10.0.0.7", "10.0.0.8", "fd00::7", "10.0.0.07", "10.0.0.0-24", "*", ".10.0.0.9.x7", "10.0.0.9 *"):
            open(f"{self.folder}/{name}", "w").close()
        self.assertEqual(exports.enrolled(self.folder), {"10.0.0.7", "10.0.0.8"})
        self.assertEqual(exports.enrolled(f"{self.folder}/none"), set())

    def follow(self, *looks):
        """What is exported after each look at the enrolled nodes; a number is the seconds that pass before it."""
        written, now, left = [], [0.0], list(looks)

        def look():
            if self.commands:
                written.append(sorted(exports.earlier(self.path)))
            if not left:
                raise KeyboardInterrupt
            seconds, addresses = left.pop(0)
            now[0] += seconds
            return set(addresses)

        clock = mock.Mock(sleep=lambda _: None, monotonic=lambda: now[0])
        with mock.patch.multiple(exports, enrolled=look, time=clock), self.assertRaises(KeyboardInterrupt):
            exports.follow(self.config)
        return written

    def test_nodes_come_and_go(self):
        found = self.follow((0, []), (1, ["10.0.0.7"]), (1, ["10.0.0.7"]), (1, ["10.0.0.7", "10.0.0.20"]), (1, []))
        self.assertEqual(found, [[], ["10.0.0.7"], ["10.0.0.7"], ["10.0.0.20", "10.0.0.7"], []])
        self.assertEqual(self.commands, [["exportfs", "-ra"]] * 4)
        self.assertEqual(self.text(), "")
        self.assertEqual(
            self.said,
            [
                "Homes are exported to 10.0.0.7.",
                "Homes are exported to 10.0.0.20.",
                "No longer exported to 10.0.0.7, 10.0.0.20.",
            ],
        )

    def test_after_a_start_the_nodes_of_before_have_time_to_enrol_again(self):
        self.follow((0, ["10.0.0.7", "10.0.0.8"]))
        self.commands.clear()
        found = self.follow((0, []), (60, ["10.0.0.7"]), (exports.PATIENCE, ["10.0.0.7"]))
        self.assertEqual(found, [["10.0.0.7", "10.0.0.8"], ["10.0.0.7", "10.0.0.8"], ["10.0.0.7"]])

    def test_with_the_classic_engine_the_network_has_the_homes(self):
        config = {**self.config, "engine": "classic", "network": "10.0.0.0/24", "shares": []}
        with mock.patch.object(exports, "settings", lambda: config):
            exports.main()
        self.assertEqual(self.text(), f"/home -rw,{OPTIONS}/home 10.0.0.0/24\n")


class MountPoints(unittest.TestCase):
    def test_a_folder_on_the_root_file_system_has_none(self):
        with mock.patch.object(exports, "ROOT", "/proc"):
            self.assertIsNone(exports.mount_point("/proc/self"))
            self.assertIsNotNone(exports.mount_point("/dev"))
        self.assertEqual(exports.mount_point("/proc/sys"), "/proc")


if __name__ == "__main__":
    unittest.main()
