"""The organiser's page, without JupyterHub and Docker."""

import time
import unittest
from unittest import mock

import project
from imagegen.jupyter import disk, overview
from imagegen.jupyter.tokens import Tokens
from samples import GIB, OPTIONS, node, task


class Overview(unittest.TestCase):
    def of(self, nodes, tasks=(), students=None, status=None, **options):
        options = {**OPTIONS, **options}
        return overview.summarise(nodes, list(tasks), students or {}, status or {}, options, "10.0.0.5")

    def test_room_is_what_the_reserves_leave(self):
        seen = self.of([node()], [task(), task(student="bob"), task(desired="shutdown", student="eve")])
        self.assertEqual(seen["machines"][0]["students"], 2)
        self.assertEqual(seen["room"], 6)
        self.assertEqual(seen["warnings"], [])

    def test_the_hub_is_no_machine_for_notebooks_unless_it_is(self):
        hub = node("hub", role="manager")
        self.assertEqual(self.of([hub])["warnings"], ["No node has joined yet."])
        self.assertEqual(len(self.of([hub], on_hub=True)["machines"]), 1)

    def test_what_is_wrong_is_said(self):
        seen = self.of([node("a", state="down"), node("b", image=None), node("c", memory=GIB // 4)])
        self.assertEqual(
            seen["warnings"],
            [
                "a is down, active.",
                "b has no notebook image.",
                "There is no room for another student: launch one more node.",
            ],
        )

    def test_two_machines_with_one_name_are_told_and_have_their_own_messages(self):
        other = {**node(), "ID": "node-2", "Status": {"State": "ready", "Addr": "10.0.0.8"}}
        seen = self.of([node(), other], status={"10.0.0.8 node-1": {"text": "joined"}})
        self.assertEqual([each["message"] for each in seen["machines"]], ["", "joined"])
        self.assertEqual(seen["warnings"], ["2 machines have the host name node-1: give each its own."])

    def test_where_docker_knows_no_machines_none_is_missed(self):
        seen = overview.students_only({"ada": ("09:15", None)})
        self.assertEqual((seen["machines"], seen["warnings"]), (None, []))
        self.assertEqual([each["name"] for each in seen["students"]], ["ada"])

    def test_what_left_before_it_had_told_its_name_is_no_machine(self):
        left = {**node(state="down"), "Description": {}}
        self.assertEqual(self.of([left, node()], students={"ada": ("", None)})["warnings"], [])

    def test_students_have_their_machine_and_memory(self):
        students = {"ada": ("09:15", 100 * 2**20), "bob": ("", None)}
        seen = self.of([node()], [task()], students, {"10.0.0.7 node-1": {"text": "joined"}})
        ada = {"name": "ada", "machine": "node-1", "state": "running", "started": "09:15", "memory": 100.0}
        self.assertEqual(seen["students"][0], ada)
        self.assertEqual(seen["students"][1]["machine"], "")
        self.assertEqual(seen["machines"][0]["message"], "joined")


class Disk(unittest.TestCase):
    def of(self, free, size, devices=(1, 1)):
        """Told of homes and database on file systems of that size and room, in MiB."""
        places = {"homes": "/srv/homes", "JupyterHub's database": "/var/lib/jupyterhub"}
        stats = {folder: mock.Mock(st_dev=device) for folder, device in zip(places.values(), devices, strict=True)}
        system = mock.Mock(f_frsize=4096, f_blocks=size * 256, f_bavail=free * 256)
        fake = mock.Mock(stat=stats.get, statvfs=lambda _: system, path=mock.Mock(isdir=lambda folder: folder in stats))
        with mock.patch.object(disk, "os", fake):
            return disk.warnings(places)

    def test_a_disk_with_room_is_no_trouble(self):
        self.assertEqual(self.of(1100, 20_000), [])
        self.assertEqual(self.of(6000, 100_000), [])

    def test_a_disk_without_is_told_once_with_what_is_on_it(self):
        told = "The hub's disk is nearly full: 314 MB left for homes and JupyterHub's database."
        self.assertEqual(self.of(300, 4000), [told])
        self.assertEqual(len(self.of(4000, 100_000)), 1)

    def test_each_disk_is_told(self):
        told = "The hub's disk is nearly full: 314 MB left for"
        self.assertEqual(self.of(300, 4000, (1, 2)), [f"{told} homes.", f"{told} JupyterHub's database."])

    def test_homes_that_are_not_there_yet_do_not_close_the_page(self):
        self.assertEqual(disk.warnings({"homes": "/nonexistent/homes"}), [])


class Student:
    def __init__(self, name):
        self.name, self.made = name, []

    def new_api_token(self, **asked):
        self.made.append(asked)
        return f"{self.name} {len(self.made)}"


class PageTokens(unittest.TestCase):
    def test_each_server_is_shown_a_token_that_opens_no_other(self):
        tokens, ada, bob = Tokens(), Student("ada"), Student("o.brien-2")
        self.assertEqual([tokens.of(ada), tokens.of(bob), tokens.of(ada)], ["ada 1", "o.brien-2 1", "ada 1"])
        self.assertEqual(ada.made[0]["scopes"], ["access:servers!user=ada"])
        self.assertEqual(bob.made[0]["scopes"], ["access:servers!user=o.brien-2"])
        with mock.patch("time.monotonic", return_value=time.monotonic() + ada.made[0]["expires_in"]):
            self.assertEqual(tokens.of(ada), "ada 2")

    def test_no_service_of_the_hub_opens_servers(self):
        with open(f"{project.PROJECT}/images/hub/etc/jupyterhub/jupyterhub_config.py") as file:
            self.assertNotIn("access:servers", file.read())


if __name__ == "__main__":
    unittest.main()
