"""The join script of a node's user-data, with the modules that it is made of."""

import os
import runpy
import subprocess
import unittest
from unittest import mock

import project
from imagegen import settings, status
from imagegen.dockerd import DockerError
from imagegen.node import hub, swarm

SCRIPT = os.path.join(project.PROJECT, "userdata/node/join.py")
JOINED = "This node has joined the workshop, 12.5 seconds after its kernel started."
DEAD = DockerError("dockerd does not answer: [Errno 111] Connection refused")
CONFIG = {"hub": "127.0.0.1", "hub_certificate": "00", "join_key": "the key"}


class Enough(Exception):
    """The script would go on for ever."""


class Node(unittest.TestCase):
    """A node whose Docker and whose hub are the test's. What its hub does, one request after the other, is in `hub`."""

    def setUp(self):
        self.state, self.fault, self.hub, self.said, self.heard = "inactive", None, [], [], []
        self.sleeps = 0
        project.replace(self, settings, settings=lambda: CONFIG)
        project.replace(self, status, announce=self.said.append)
        project.replace(self, status._Status, text="This node is starting.")
        project.replace(self, hub.Hub, join_info=self.join_info)
        parts = {"docker": self.docker, "route_source": lambda _: "127.0.0.1"}
        project.replace(self, swarm, say=lambda _: None, note_joined=lambda: JOINED, **parts)
        patch = mock.patch("time.sleep", self.sleep)
        patch.start()
        self.addCleanup(patch.stop)

    def docker(self, method, path, body=None):
        if self.fault:
            raise self.fault
        if path == "/swarm/join":
            self.state = "active"
        return {"Swarm": {"LocalNodeState": self.state, "NodeID": "n1"}}

    def join_info(self):
        if not self.hub:
            raise Enough
        self.heard.append(status.current())
        nodes = self.hub.pop(0)
        if nodes is None:
            raise hub.HubUnavailable("the hub at 127.0.0.1 does not answer (timed out)")
        return {"manager": "127.0.0.1:2377", "token": "SWMTKN-1-abc-def", "nodes": nodes}

    def sleep(self, _):
        self.sleeps += 1
        if self.sleeps == 20:
            raise Enough

    def run_main(self):
        with self.assertRaises(Enough):
            runpy.run_path(SCRIPT)

    def test_a_node_waits_for_its_hub_and_says_so_once(self):
        self.hub = [None, None, None, ["n0"], ["n0", "n1"]]
        self.run_main()
        waiting = "Waiting for the hub: the hub at 127.0.0.1 does not answer (timed out)."
        self.assertEqual(self.said, [waiting, JOINED])
        self.assertEqual(self.heard[-1], JOINED)

    def test_a_dockerd_that_does_not_start_is_told_once_and_waited_for(self):
        self.fault = DEAD
        self.run_main()
        self.assertEqual(self.said, [f"Docker is not ready yet: {DEAD}"])
        self.assertEqual(self.sleeps, 20)

    def test_a_leave_that_fails_is_told_and_tried_again(self):
        self.state, self.hub = "error", [[], []]
        refusal = DockerError("context deadline exceeded")

        def docker(method, path, body=None):
            if path.startswith("/swarm/leave"):
                raise refusal
            return self.docker(method, path, body)

        with mock.patch.object(swarm, "docker", docker):
            self.run_main()
        self.assertEqual(self.said, ["Docker is not ready yet: context deadline exceeded"])
        self.assertEqual(self.heard, ["This node is starting.", *self.said])

    def test_a_node_that_belongs_to_the_swarm_after_a_reboot_tells_the_hub(self):
        self.state, self.hub = "active", [["n1"], ["n1"], ["n1"]]
        self.run_main()
        self.assertEqual(self.said, [JOINED])
        self.assertEqual(self.heard, ["This node is starting.", JOINED, JOINED])

    def test_what_is_over_is_not_the_last_message(self):
        self.state, self.hub = "active", [["n1"], ["n1"], ["n1"]]
        status._Status.text = "Docker is not ready yet: dockerd does not answer"
        self.run_main()
        self.assertEqual(self.heard[-1], JOINED)

    def test_a_node_that_the_hub_does_not_know_has_not_joined(self):
        self.state, self.hub = "active", [[], [], []]
        self.run_main()
        self.assertEqual(self.said, ["The hub does not know this node any more: joining again."])


IMAGE = "example.org/notebook@sha256:00"
MISSING = "Error response from daemon: Get https://example.org/v2/:\ndial tcp: connection refused\n"


class Fetch(unittest.TestCase):
    """A node of a workshop with its own notebook image. What becomes of each pull is in `pulls`."""

    def play(self, here, pulls):
        """What the node says, and what it does."""
        self.here, self.pulls, said, self.done = here, list(pulls), [], []

        def stay(*_):
            self.done.append("join")
            raise Enough

        with (
            mock.patch("subprocess.run", self.docker),
            mock.patch("time.sleep"),
            mock.patch.object(settings, "settings", lambda: {**CONFIG, "notebook_image": IMAGE}),
            mock.patch.object(status, "announce", said.append),
            mock.patch.object(status._Status, "text", ""),
            mock.patch.object(swarm.Swarm, "stay", stay),
            self.assertRaises(Enough),
        ):
            runpy.run_path(SCRIPT)
        return said, self.done

    def docker(self, command, **_):
        if command[:3] == ["docker", "image", "inspect"]:
            self.assertEqual(command[3], IMAGE)
            return subprocess.CompletedProcess(command, 0 if self.here else 1)
        self.assertEqual((command[:2], command[-1]), (["docker", "pull"], IMAGE))
        self.done.append("pull")
        fault = self.pulls.pop(0)
        self.here = not fault
        return subprocess.CompletedProcess(command, 1 if fault else 0, "", fault)

    def test_a_node_joins_when_it_has_the_image(self):
        said, done = self.play(False, [""])
        self.assertEqual(said, [f"Fetching the notebook image {IMAGE}."])
        self.assertEqual(done, ["pull", "join"])

    def test_a_node_that_has_the_image_joins_without_a_registry(self):
        self.assertEqual(self.play(True, []), ([], ["join"]))

    def test_a_failure_is_told_once_and_the_node_tries_on_and_stays_away_until_then(self):
        said, done = self.play(False, [MISSING, MISSING, "no space left on device", ""])
        why = "Error response from daemon: Get https://example.org/v2/: dial tcp: connection refused"
        failed = "The notebook image cannot be fetched yet: "
        self.assertEqual(said[1:], [failed + why, failed + "no space left on device"])
        self.assertEqual(done, ["pull"] * 4 + ["join"])


class Pauses(unittest.TestCase):
    def test_they_grow_and_stay_bounded(self):
        pauses = swarm.pauses(longest=30)
        seen = [next(pauses) for _ in range(20)]
        self.assertTrue(0.5 <= seen[0] <= 1)
        self.assertTrue(all(15 <= pause <= 30 for pause in seen[6:]))
        self.assertGreater(len(set(seen)), 15)


if __name__ == "__main__":
    unittest.main()
