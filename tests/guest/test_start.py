import os
import subprocess
import tempfile
import unittest
from unittest import mock

import project
from imagegen import start
from imagegen.paste import taken
from imagegen.paste.verdict import Spoiled, Taken

HUB = {"level": 1, "role": "hub", "engine": "swarm"}
NODE = {"level": 1, "role": "node", "engine": "swarm"}
CLASSIC = {"engine": "classic"}
SOUND = Taken("text")


class Check(unittest.TestCase):
    def refusal(self, config, level, role):
        with self.assertRaises(start.Refusal) as raised:
            start.check(config, level, role)
        return str(raised.exception)

    def test_an_image_serves_its_own_level_and_all_before(self):
        for level in (1, 2, 100):
            start.check(HUB, level, "hub")
        start.check({"role": "hub", "engine": "swarm"}, 1, "hub")

    def test_a_level_that_is_too_high_is_refused_with_both_levels(self):
        said = self.refusal({**HUB, "level": 3}, 2, "hub")
        self.assertIn("needs level 3; the image has level 2", said)
        self.assertIn("Build and upload a new image", said)

    def test_the_user_data_of_the_other_role_is_refused_with_both_roles(self):
        said = self.refusal(HUB, 1, "node")
        self.assertIn("the user-data of a hub", said)
        self.assertIn("launched from a node image", said)
        self.assertIn("`imagegen node`", said)
        self.assertIn("`imagegen hub`", self.refusal(NODE, 1, "hub"))

    def test_an_ordinary_image_can_be_either(self):
        for config in (HUB, NODE):
            start.check(config, 1, None)


class Image(unittest.TestCase):
    def test_the_images_say_their_level_and_role(self):
        self.assertGreaterEqual(start.own_level(f"{project.LIBRARY}/imagegen"), 1)
        for role in ("hub", "node"):
            self.assertEqual(start.image_role(f"{project.PROJECT}/images/{role}/usr/lib/imagegen"), role)
        self.assertIsNone(start.image_role("/nonexistent"))


class Units(unittest.TestCase):
    def test_a_hub_of_each_engine(self):
        homes = ["nfs-server.service", "imagegen-homes.service", "imagegen-passwords.service"]
        swarm = ["imagegen-swarm.service", "imagegen-rendezvous.service"]
        self.assertEqual(start.units(HUB), [*homes, *swarm, "imagegen-hub.target"])
        self.assertEqual(start.units({**HUB, **CLASSIC}), [*homes, "imagegen-manager.service", "imagegen-hub.target"])

    def test_a_node_of_each_engine(self):
        units = ["imagegen-join.service", "autofs.service"]
        self.assertEqual(start.units({**NODE, **CLASSIC}), units)
        self.assertEqual(start.units(NODE), [*units, "imagegen-leave.service"])

    def test_a_machine_that_does_not_join_a_swarm_fetches_the_notebook_image_by_a_unit(self):
        image = {"notebook_image": "example.org/notebook@sha256:00"}
        for config, fetches in ((HUB, True), (NODE, False), ({**HUB, **CLASSIC}, True), ({**NODE, **CLASSIC}, True)):
            self.assertEqual("imagegen-notebook.service" in start.units({**config, **image}), fetches, config)
            self.assertNotIn("imagegen-notebook.service", start.units(config))

    def test_every_unit_is_in_the_images(self):
        debian = {"nfs-server.service", "autofs.service"}
        user_data = {"imagegen-join.service"}
        image = {"notebook_image": "x"}
        configs = [{**config, **engine, **image} for config in (HUB, NODE) for engine in ({}, CLASSIC)]
        for unit in {unit for config in configs for unit in start.units(config)} - debian - user_data:
            roles = ("base", "hub")
            paths = [f"{project.PROJECT}/images/{role}/etc/systemd/system/{unit}" for role in roles]
            self.assertTrue(any(map(os.path.exists, paths)), unit)


class Main(unittest.TestCase):
    """The whole program, with the commands that it runs in `ran`."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.accepted, self.refused = f"{folder.name}/run/accepted", f"{folder.name}/run/refused"
        self.ran = []
        self.announced = []
        project.replace(self, start, ACCEPTED=self.accepted, REFUSED=self.refused, say=lambda _: None)
        project.replace(self, start, announce=self.announced.append)
        project.replace(self, subprocess, run=self.run_command)

    def run_command(self, command, **options):
        self.assertEqual(options, {"check": True})
        self.assertEqual(os.path.exists(self.accepted), self.expects, "a unit may look for the mark as it starts")
        self.ran.append(command)

    def play(self, config, role, verdict=SOUND, applied=True, expects=True):
        self.expects = expects
        image = {"own_level": lambda: 1, "image_role": lambda: role, "settings": lambda: config}
        user_data = {"verdict": lambda _: verdict, "is_applied": lambda _: applied, "settings_of": lambda _: config}
        with mock.patch.multiple(start, **image), mock.patch.multiple(taken, **user_data):
            start.main()

    def test_sound_user_data_is_accepted_and_its_units_are_queued(self):
        self.play(NODE, "node")
        self.assertTrue(os.path.exists(self.accepted))
        self.assertFalse(os.path.exists(self.refused))
        units = ["imagegen.target", "imagegen-join.service", "autofs.service", "imagegen-leave.service"]
        self.assertEqual(self.ran, [["systemctl", "daemon-reload"], ["systemctl", "start", "--no-block", *units]])
        self.assertEqual(self.announced, [])

    def test_the_services_of_a_hub_are_sized_before_systemd_reads_its_units_again(self):
        project.replace(self, start.limits, write=lambda: self.ran.append("sized"))
        self.play(HUB, "hub")
        self.assertEqual(self.ran[:2], ["sized", ["systemctl", "daemon-reload"]])

    def test_what_was_put_right_is_told_once(self):
        self.play(NODE, "node", verdict=Taken("text", "The user-data arrived with UTF-16; this was repaired."))
        self.assertEqual(self.announced, ["The user-data arrived with UTF-16; this was repaired."])

    def test_what_is_refused_starts_nothing_but_its_report(self):
        level, role, lost = "This image is too old", "This is the user-data of a node", "cloud-init has not written"
        for image, options, said in (
            ("node", {"config": {**NODE, "level": 2}, "applied": False}, level),
            ("hub", {"config": NODE, "applied": False}, role),
            ("node", {"config": NODE, "applied": False}, lost),
            ("node", {"config": NODE, "verdict": Spoiled("The user-data is cut off.")}, "The user-data is cut off."),
        ):
            self.ran.clear()
            with self.subTest(said), self.assertRaises(SystemExit) as raised:
                self.play(role=image, expects=False, **options)
            self.assertEqual(raised.exception.code, 1)
            self.assertFalse(os.path.exists(self.accepted))
            self.assertEqual(self.ran, [["systemctl", "start", "--no-block", "imagegen-refused.service"]])
            with open(self.refused) as file:
                self.assertTrue(file.read().startswith(said))

    def test_settings_that_cannot_be_read_accept_nothing(self):
        self.expects = False
        with mock.patch.object(start, "accepted", side_effect=FileNotFoundError("settings.json")):
            with self.assertRaises((SystemExit, FileNotFoundError)):
                start.main()
        self.assertFalse(os.path.exists(self.accepted))


class Marks(unittest.TestCase):
    def test_docker_and_homes_wait_for_the_mark(self):
        for path in (
            "base/etc/systemd/system/docker.service.d/imagegen.conf",
            "base/etc/systemd/system/autofs.service.d/imagegen.conf",
            "hub/etc/systemd/system/nfs-server.service.d/imagegen.conf",
        ):
            with open(f"{project.PROJECT}/images/{path}") as file:
                self.assertIn("/run/imagegen/accepted", file.read(), path)


if __name__ == "__main__":
    unittest.main()
