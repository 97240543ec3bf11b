import os
import subprocess
import tempfile
import time
import unittest
import unittest.mock

import project
from imagegen.classic import containers, listener, manager, member
from imagegen.dockerd import DockerError

IMAGES = {"consul": "consul:1", "swarm": "swarm:1"}


class Firewall(unittest.TestCase):
    def test_iptables_itself_takes_the_rules(self):
        for network in ("10.0.0.0/24", None):
            rules = listener.rules("10.0.0.5", network)
            test = ["iptables-restore", "--test", "--noflush"]
            said = subprocess.run(test, input=rules, text=True, capture_output=True)
            self.assertEqual(said.returncode, 0, said.stderr)

    def test_only_the_hub_reaches_docker_and_only_the_network_the_store(self):
        rules = listener.rules("10.0.0.5", "10.0.0.0/24")
        self.assertIn("--dport 2375 ! -s 10.0.0.5 -j DROP", rules)
        self.assertIn("--dport 8500 ! -s 10.0.0.0/24 -j DROP", rules)
        self.assertIn("--dport 4000 -j DROP", rules)
        self.assertIn("--dport 8500 -j DROP", listener.rules("10.0.0.5", None))


class Docker:
    """Docker's API as far as the scripts use it, kept in a dictionary."""

    def __init__(self, images):
        self.images, self.containers, self.calls = images, {}, []

    def __call__(self, method, path, body=None, timeout=None):
        self.calls.append(f"{method} {path}")
        kind, name = path.split("?")[0].split("/")[1:3]
        if kind == "images":
            if name == "create":
                raise DockerError("no route to the registry")
            if name not in self.images:
                raise DockerError(f"No such image: {name}")
            return {}
        if method == "DELETE":
            del self.containers[name]
        elif name == "create":
            state = {"Running": False, "Restarting": False}
            self.containers[path.split("name=")[1]] = {"Config": body, "State": state}
        elif path.endswith("/start"):
            self.containers[name]["State"]["Running"] = True
        elif name not in self.containers:
            raise DockerError(f"No such container: {name}")
        else:
            return self.containers[name]


class Containers(unittest.TestCase):
    def setUp(self):
        self.docker = Docker({"swarm:1", "consul:1"})
        project.replace(self, containers, docker=self.docker, announce=lambda _: None, say=lambda _: None)

    def test_a_container_is_made_once(self):
        spec = containers.specification("swarm:1", ["join"])
        self.assertTrue(containers.ensure("swarm-join", spec))
        self.assertFalse(containers.ensure("swarm-join", spec))
        self.assertEqual(sum("create" in call for call in self.docker.calls), 1)

    def test_one_with_other_arguments_is_replaced(self):
        containers.ensure("swarm-join", containers.specification("swarm:1", ["join", "--advertise=10.0.0.7:2375"]))
        other = containers.specification("swarm:1", ["join", "--advertise=10.0.0.8:2375"])
        self.assertTrue(containers.ensure("swarm-join", other))
        self.assertEqual(self.docker.containers["swarm-join"]["Config"]["Cmd"][1], "--advertise=10.0.0.8:2375")

    def test_one_that_was_stopped_is_started(self):
        spec = containers.specification("swarm:1", ["join"])
        containers.ensure("swarm-join", spec)
        self.docker.containers["swarm-join"]["State"]["Running"] = False
        containers.ensure("swarm-join", spec)
        self.assertTrue(self.docker.containers["swarm-join"]["State"]["Running"])

    def test_an_image_that_cannot_be_had_is_told_and_the_old_container_stays(self):
        containers.ensure("swarm-join", containers.specification("swarm:1", ["join"]))
        with self.assertRaisesRegex(DockerError, "swarm:2 cannot be fetched"):
            containers.ensure("swarm-join", containers.specification("swarm:2", ["join"]))
        self.assertIn("swarm-join", self.docker.containers)


class Arguments(unittest.TestCase):
    def test_the_hub_runs_what_the_procedure_of_2016_ran(self):
        wanted = manager.wanted("10.0.0.5", IMAGES)
        self.assertEqual(
            wanted["swarm-manager"]["Cmd"],
            ["manage", "-H", ":4000", "--replication", "--advertise", "10.0.0.5:4000", "consul://10.0.0.5:8500"],
        )
        self.assertEqual(wanted["consul"]["HostConfig"]["RestartPolicy"]["Name"], "always")
        self.assertIn("-client=10.0.0.5", wanted["consul"]["Cmd"])

    def test_a_node_advertises_its_own_address(self):
        command = member.wanted("10.0.0.7", "10.0.0.5", "swarm:1")["Cmd"]
        self.assertEqual(command[:2], ["join", "--advertise=10.0.0.7:2375"])
        self.assertEqual(command[-1], "consul://10.0.0.5:8500")


class Repair(unittest.TestCase):
    def test_only_a_lasting_lack_of_a_leader_is_mended(self):
        clock = [0.0]
        watch = manager.Watch(lambda: clock[0])
        said = []
        for moment in (0, 30, 40, 90, 101, 110):
            clock[0] = moment + 1.0
            said.append(watch.is_due("Error: away" if moment == 30 else f"Error: {manager.NO_LEADER}"))
        self.assertEqual(said, [False, False, False, False, True, False])

    def test_consul_is_replaced_with_its_data_and_started_again(self):
        docker = Docker({"swarm:1", "consul:1"})
        said, clock = [], [0.0]
        project.replace(self, containers, docker=docker, announce=lambda _: None, say=lambda _: None)
        project.replace(self, manager, announce=said.append, manager_fault=lambda: manager.NO_LEADER)
        wanted = manager.wanted("10.0.0.5", IMAGES)
        watch = manager.Watch(lambda: clock[0])
        for clock[0] in (1.0, 100.0):
            self.assertEqual(manager.keep(wanted, watch), manager.NO_LEADER)
        self.assertEqual(sum(call.startswith("POST /containers/create?name=consul") for call in docker.calls), 2)
        self.assertIn("DELETE /containers/consul?force=1&v=1", docker.calls)
        self.assertTrue(docker.containers["consul"]["State"]["Running"])
        self.assertEqual(len(said), 1)


class OwnAddress(unittest.TestCase):
    def test_a_node_of_an_ordinary_image_needs_no_module_of_the_hub(self):
        project.replace(self, listener, route_source=lambda _: "10.0.0.7")
        with unittest.mock.patch.dict("sys.modules", {"imagegen.hub": None, "imagegen.hub.address": None}):
            self.assertEqual(listener.addresses({"hub": "10.0.0.5"}), ("10.0.0.7", "10.0.0.5", None))


class StandIns(unittest.TestCase):
    """The programs that stand in for Consul and Swarm in a rehearsal refuse what the real ones would refuse."""

    PROGRAM = os.path.join(project.PROJECT, "userdata/rehearsal/stand_in.py")

    def start(self, command):
        output = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        child = subprocess.Popen(["/usr/bin/python3", self.PROGRAM, *command], **output)
        self.addCleanup(child.stdout.close)
        self.addCleanup(child.wait)
        self.addCleanup(child.kill)
        return child

    def test_they_take_our_arguments_and_elect_a_manager(self):
        with tempfile.TemporaryDirectory() as folder:
            wanted = manager.wanted("127.0.0.1", IMAGES)
            consul = [word.replace("/consul/data", folder) for word in wanted["consul"]["Cmd"]]
            self.start(wanted["swarm-manager"]["Cmd"])
            self.assertIn(manager.NO_LEADER, self.until(lambda said: manager.NO_LEADER in said))
            self.start(consul)
            self.assertEqual(self.until(lambda said: said == ""), "")
            with open(f"{folder}/broken", "w"):
                pass
            self.assertIn(manager.NO_LEADER, self.until(lambda said: manager.NO_LEADER in said))

    def until(self, wanted):
        deadline = time.monotonic() + 40
        while not wanted(said := manager.manager_fault()) and time.monotonic() < deadline:
            time.sleep(0.5)
        return said

    def test_they_refuse_others(self):
        join = ["join", "--advertise=10.0.0.7", "--heartbeat=20s", "--ttl=60s", "consul://10.0.0.5:8500"]
        for command in (["agent", "-dev"], ["manage", "-H", ":4000", "consul://127.0.0.1:8500"], join):
            self.assertNotEqual(self.start(command).wait(20), 0, command)


if __name__ == "__main__":
    unittest.main()
