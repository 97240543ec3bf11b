import subprocess
import unittest
import unittest.mock

import project  # noqa: F401  (sets the path)

import join
import pull
from dockerd import DockerError

JOINED = "This node has joined the workshop, 12.5 seconds after its kernel started."
DEAD = DockerError("dockerd does not answer: [Errno 111] Connection refused")


class Enough(Exception):
    """The script would go on for ever."""


class Node(unittest.TestCase):
    """A node whose Docker and whose hub are the test's. What its hub does, a try each, is in `hub`."""

    def setUp(self):
        self.state, self.trouble, self.hub, self.said, self.words = "inactive", None, [], [], []
        self.sleeps = 0
        parts = {"docker": self.docker, "ask": self.ask, "announce": self.said.append, "say": lambda _: None}
        parts |= {"settings": lambda: {"hub": "127.0.0.1"}, "route_source": lambda _: "127.0.0.1"}
        parts |= {"note_joined": lambda: JOINED, "word": "This node is starting."}
        for name, part in parts.items():
            patch = unittest.mock.patch.object(join, name, part)
            patch.start()
            self.addCleanup(patch.stop)
        patch = unittest.mock.patch("time.sleep", self.sleep)
        patch.start()
        self.addCleanup(patch.stop)

    def docker(self, method, path, body=None):
        if self.trouble:
            raise self.trouble
        if path == "/swarm/join":
            self.state = "active"
        return {"Swarm": {"LocalNodeState": self.state, "NodeID": "n1"}}

    def ask(self, _):
        if not self.hub:
            raise Enough
        self.words.append(join.word)
        nodes = self.hub.pop(0)
        if nodes is None:
            raise join.Away("the hub at 127.0.0.1 does not answer (timed out)")
        return {"manager": "127.0.0.1:2377", "token": "SWMTKN-1-abc-def", "nodes": nodes}

    def sleep(self, _):
        self.sleeps += 1
        if self.sleeps == 20:
            raise Enough

    def run_main(self):
        with self.assertRaises(Enough):
            join.main()

    def test_a_node_waits_for_its_hub_and_says_so_once(self):
        self.hub = [None, None, None, ["n0"], ["n0", "n1"]]
        self.run_main()
        waiting = "Waiting for the hub: the hub at 127.0.0.1 does not answer (timed out)."
        self.assertEqual(self.said, [waiting, JOINED])
        self.assertEqual(self.words[-1], JOINED)

    def test_a_dockerd_that_does_not_start_is_told_once_and_waited_for(self):
        self.trouble = DEAD
        self.run_main()
        self.assertEqual(self.said, [f"Docker is not right yet: {DEAD}"])
        self.assertEqual(self.sleeps, 20)

    def test_a_leave_that_fails_is_told_and_tried_again(self):
        self.state, self.hub = "error", [[], []]
        refusal = DockerError("context deadline exceeded")

        def docker(method, path, body=None):
            if path.startswith("/swarm/leave"):
                raise refusal
            return self.docker(method, path, body)

        with unittest.mock.patch.object(join, "docker", docker):
            self.run_main()
        self.assertEqual(self.said, ["Docker is not right yet: context deadline exceeded"])
        self.assertEqual(self.words, ["This node is starting.", *self.said])

    def test_a_node_that_belongs_to_the_swarm_after_a_reboot_tells_the_hub(self):
        self.state, self.hub = "active", [["n1"], ["n1"], ["n1"]]
        self.run_main()
        self.assertEqual(self.said, [JOINED])
        self.assertEqual(self.words, ["This node is starting.", JOINED, JOINED])

    def test_what_is_over_is_no_last_word(self):
        self.state, self.hub = "active", [["n1"], ["n1"], ["n1"]]
        join.word = "Docker is not right yet: dockerd does not answer"
        self.run_main()
        self.assertEqual(self.words[-1], JOINED)

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
        with (
            unittest.mock.patch("subprocess.run", self.docker),
            unittest.mock.patch("time.sleep"),
            unittest.mock.patch.object(join, "announce", said.append),
            unittest.mock.patch.object(join, "word", ""),
            unittest.mock.patch.object(join, "main", lambda: self.done.append("join")),
        ):
            pull.main(IMAGE)
        return said, self.done

    def docker(self, command, **_):
        if command[:3] == ["docker", "image", "inspect"]:
            self.assertEqual(command[3], IMAGE)
            return subprocess.CompletedProcess(command, 0 if self.here else 1)
        self.assertEqual((command[:2], command[-1]), (["docker", "pull"], IMAGE))
        self.done.append("pull")
        trouble = self.pulls.pop(0)
        self.here = not trouble
        return subprocess.CompletedProcess(command, 1 if trouble else 0, "", trouble)

    def test_a_node_joins_when_it_has_the_image(self):
        said, done = self.play(False, [""])
        self.assertEqual(said, [f"Fetching the notebook image {IMAGE}, and joining when it is here."])
        self.assertEqual(done, ["pull", "join"])

    def test_a_node_that_has_the_image_joins_without_a_registry(self):
        self.assertEqual(self.play(True, []), ([], ["join"]))

    def test_a_failure_is_told_once_and_the_node_tries_on_and_stays_away_until_then(self):
        said, done = self.play(False, [MISSING, MISSING, "no space left on device", ""])
        why = "Error response from daemon: Get https://example.org/v2/: dial tcp: connection refused"
        failed = "The notebook image cannot be fetched yet: "
        self.assertEqual(said[1:], [failed + why, failed + "no space left on device"])
        self.assertEqual(done, ["pull"] * 4 + ["join"])


if __name__ == "__main__":
    unittest.main()
