"""The hub's swarm, with a Docker that answers as dockerd 26.1.5 was seen to."""

import json
import os
import tempfile
import unittest
from unittest import mock

import project
from imagegen.dockerd import DockerError
from imagegen.hub import swarm

EXPIRED = "certificate (1 - j3lgen29nz5b) not valid after Wed, 01 Apr 2026 00:00:00 UTC: x509: certificate has expired"
MOVED = "failed to listen on remote API address: listen tcp 10.0.0.4:2377: bind: cannot assign requested address"
NO_MANAGER = "This node is not a swarm manager."
OWN = "10.0.0.5"


def machine(node_id, name, own, state="ready"):
    description = {"Hostname": name} if name else {}
    return {"ID": node_id, "Description": description, "Status": {"State": state, "Addr": own}}


class Docker:
    """The part of dockerd's API that swarm.py calls."""

    def __init__(self, state="inactive", error="", own=OWN):
        self.state, self.error, self.own = state, error, own
        self.initialised, self.left, self.looks_until_rotated = [], 0, 0
        self.nodes = [machine("hub", "hub", OWN)]

    def __call__(self, method, path, body=None):
        return getattr(self, f"{method.lower()}_{path.partition('?')[0].strip('/').split('/')[0]}")(path, body)

    def get_info(self, path, body):
        return {"Swarm": {"LocalNodeState": self.state, "NodeAddr": self.own, "NodeID": "hub", "Error": self.error}}

    def post_swarm(self, path, body):
        if path.startswith("/swarm/leave"):
            self.state, self.error, self.left = "inactive", "", self.left + 1
            return
        if body["ForceNewCluster"] and self.state != "active":
            raise DockerError(NO_MANAGER)
        if not body["ForceNewCluster"] and self.state != "inactive":
            raise DockerError("This node is already part of a swarm.")
        self.initialised.append(body)
        self.state, self.own = "active", body["AdvertiseAddr"]
        rotation = body["Spec"]["CAConfig"].get("ForceRotate")
        self.looks_until_rotated = 2 if rotation else 0

    def get_nodes(self, path, body):
        if path != "/nodes":
            return {"Spec": {"Availability": "drain"}, "Version": {"Index": 1}}
        return self.nodes

    def delete_nodes(self, path, body):
        pass

    def get_swarm(self, path, body):
        self.looks_until_rotated -= 1
        rotating = self.looks_until_rotated >= 0
        return {"RootRotationInProgress": rotating, "JoinTokens": {"Worker": "old" if rotating else "new"}}


class Stop(Exception):
    """Ends a program that runs for ever."""


class Swarm(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder, self.said, self.sources, self.started = folder.name, [], None, []
        self.decided = f"{folder.name}/address"
        project.replace(
            self,
            swarm,
            announce=self.said.append,
            fail=self.fail_program,
            settings=lambda: {"on_hub": False},
            find_interface=lambda _: mock.Mock(ip=OWN),
            route_source=lambda own: own if self.sources is None else self.sources,
            JOIN_INFO=f"{folder.name}/join.json",
            DECIDED=self.decided,
            subprocess=mock.Mock(run=lambda command, check: self.started.append(command)),
        )

    def fail_program(self, text):
        self.said.append(text)
        raise Stop

    def run_program(self, docker, looks):
        """So many rounds of the program; after each, what the rendezvous may tell."""
        published = []

        def sleep(_):
            published.append(self.join_info())
            if len(published) == looks:
                raise Stop

        with mock.patch.object(swarm, "docker", docker), mock.patch("time.sleep", sleep), self.assertRaises(Stop):
            swarm.main()
        return published

    def join_info(self):
        try:
            with open(f"{self.folder}/join.json") as file:
                return json.load(file)
        except FileNotFoundError:
            return None

    def test_a_swarm_that_docker_cannot_start_any_more_is_made_anew(self):
        for trouble in (EXPIRED, MOVED):
            self.said.clear()
            docker = Docker("error", trouble, "10.0.0.4")
            self.run_program(docker, 3)
            self.assertEqual((docker.left, docker.state, len(docker.initialised)), (1, "active", 1))
            self.assertEqual(len(self.said), 2, self.said)
            self.assertIn(trouble, self.said[0])

    def test_a_swarm_that_runs_is_never_left(self):
        for docker in (Docker("active"), Docker("pending"), Docker("active", own="10.0.0.4")):
            self.run_program(docker, 3)
            self.assertEqual(docker.left, 0)

    def test_a_hub_with_another_address_keeps_its_swarm_while_docker_runs(self):
        docker = Docker("active", own="10.0.0.4")
        self.run_program(docker, 2)
        self.assertTrue(docker.initialised[0]["ForceNewCluster"])
        self.assertEqual(docker.own, OWN)

    def test_the_first_certificate_is_rotated_and_nodes_get_the_token_of_afterwards(self):
        docker = Docker()
        tokens = [info and info["token"] for info in self.run_program(docker, 4)]
        year = 365 * 24 * 3600 * 10**9
        self.assertEqual(docker.initialised[0]["Spec"]["CAConfig"], {"NodeCertExpiry": year, "ForceRotate": 1})
        self.assertEqual(tokens, [None, None, "new", "new"])

    def test_two_machines_with_one_name_are_told_once_and_a_machine_that_joined_again_is_not(self):
        docker = Docker("active")
        docker.nodes += [
            machine("a", "node", "10.0.0.7"),
            machine("b", "node", "10.0.0.8"),
            machine("c", "", "10.0.0.9"),
        ]
        docker.nodes += [
            machine("f", "", "10.0.0.6"),
            machine("d", "other", "10.0.0.9"),
            machine("e", "other", "10.0.0.9"),
        ]
        self.run_program(docker, 40)
        told = "Machines at 10.0.0.7 and 10.0.0.8 have the same host name, node: launch one with another name."
        self.assertEqual(self.said, [told])
        self.said.clear()
        self.run_program(docker, 9)
        self.assertEqual(self.said, [])

    def test_an_address_that_changes_is_forgotten_and_what_uses_it_starts_again(self):
        with open(self.decided, "w") as file:
            file.write(f"{OWN}/24\n")
        self.sources = "10.0.0.6"
        self.run_program(Docker("active"), 2)
        self.assertFalse(os.path.exists(self.decided))
        self.assertEqual(self.started[0][:3], ["systemctl", "--no-block", "restart"])
        self.assertLess({"imagegen-homes", "imagegen-rendezvous", "jupyterhub"}, set(self.started[0]))
        self.assertIn("address has changed", self.said[-1])


class Superseded(unittest.TestCase):
    def test_only_a_node_that_came_back_under_its_name(self):
        nodes = [
            machine("a", "node-1", "10.0.0.7", "down"),
            machine("b", "node-1", "10.0.0.7"),
            machine("c", "node-2", "10.0.0.8", "down"),
            # Before they have told their names.
            machine("d", "", "10.0.0.9"),
            machine("e", "", "10.0.0.9", "down"),
        ]
        self.assertEqual(swarm.superseded(nodes), ["a"])


if __name__ == "__main__":
    unittest.main()
