import json
import os
import subprocess
import tempfile
import time
import unittest
import unittest.mock
from typing import ClassVar

import project
from imagegen.classic import containers, health, listener, manager, member
from imagegen.dockerd import DockerError
from imagegen.jupyter import classic_overview

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


class Opening(unittest.TestCase):
    def opened(self, config):
        """Where Docker is made to listen, once the firewall is there."""
        places = []
        project.replace(
            self,
            listener,
            apply=lambda _: places.append("firewall"),
            listen=places.append,
            addresses=lambda _: ("10.0.0.7", "10.0.0.5", None),
            write_whole=lambda *_: True,
            announce=lambda _: None,
        )
        with unittest.mock.patch("os.makedirs"):
            listener.open_docker(config)
        return places

    def test_docker_listens_on_nodes_and_the_hub_has_the_firewall_alone(self):
        self.assertEqual(self.opened({"hub": "10.0.0.5"}), ["firewall", "10.0.0.7"])
        self.assertEqual(self.opened({}), ["firewall"])


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
        elif path.partition("?")[0].endswith(("/start", "/restart")):
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
        command = wanted["swarm-manager"]["Cmd"]
        self.assertEqual(command[:6], ["manage", "-H", ":4000", "--replication", "--advertise", "10.0.0.5:4000"])
        self.assertEqual(command[-1], "consul://10.0.0.5:8500")
        self.assertIn("--heartbeat=5s", command)
        self.assertEqual(wanted["consul"]["HostConfig"]["RestartPolicy"]["Name"], "always")
        self.assertIn("-client=10.0.0.5", wanted["consul"]["Cmd"])
        self.assertIn("-hcl=disable_update_check = true", wanted["consul"]["Cmd"])

    def test_a_consul_gets_the_options_that_its_version_knows(self):
        versions = {
            "consul:1.13.9": False,
            "hashicorp/consul:1.14": True,
            "registry:5000/consul": True,
            "registry:5000/consul:1.9": False,
        }
        for image, knows in {**versions, "consul:v1.9.2": False, "consul:latest": True}.items():
            command = manager.wanted("10.0.0.5", {**IMAGES, "consul": image})["consul"]["Cmd"]
            self.assertEqual("-grpc-tls-port=-1" in command, knows, image)

    def test_a_node_advertises_its_own_address(self):
        command = member.wanted("10.0.0.7", "10.0.0.5", "swarm:1")["Cmd"]
        self.assertEqual(command[:2], ["join", "--advertise=10.0.0.7:2375"])
        self.assertEqual(command[-1], "consul://10.0.0.5:8500")


class Health(unittest.TestCase):
    """What the manager says of itself. The rows are those of Swarm 1.2.9."""

    def fault(self, *rows, key="SystemStatus"):
        return health.of_manager({key: [list(row) for row in rows]})

    def test_a_primary_with_nodes_is_well(self):
        node = ((" node-1", "10.0.0.7:2375"), ("  └ Status", "Healthy"), ("  └ Error", "(none)"))
        self.assertIsNone(self.fault(("Role", "primary"), ("Nodes", "1"), *node))
        self.assertIsNone(self.fault(("\bRole", "primary"), ("\bNodes", "1"), *node, key="DriverStatus"))
        other = (("Role", "replica"), ("Primary", "10.0.0.6:4000"), ("Nodes", "1"))
        self.assertIsNone(self.fault(*other))

    def test_a_replica_of_nobody_needs_a_new_consul(self):
        self.assertIs(self.fault(("Role", "replica"), ("Primary", ""), ("Nodes", "2")).cure, health.Cure.NEW_CONSUL)

    def test_a_manager_without_nodes_is_not_up_and_waits(self):
        for rows in ((("Role", "primary"), ("Nodes", "0")), (("Role", "primary"),)):
            self.assertEqual(self.fault(*rows), health.Fault("no node has joined yet"))

    def test_a_node_that_was_rebuilt_needs_a_new_start_of_the_manager(self):
        text = "Engine (ID: A, Addr: 10.0.0.7:2375) shows up with another ID:B. Please remove it from cluster."
        rows = (("Role", "primary"), ("Nodes", "1"), (" (unknown)", "10.0.0.7:2375"), ("  └ Error", text))
        self.assertIs(self.fault(*rows).cure, health.Cure.MANAGER_RESTART)

    def test_a_consul_that_ends_or_has_no_leader_or_is_silent_needs_a_successor(self):
        running, ending = {"Restarting": False}, {"Restarting": True}
        for state, answer in ((ending, '"127.0.0.1:8300"'), (running, '""'), (running, None)):
            get = unittest.mock.Mock(return_value=answer, side_effect=None if answer else OSError("refused"))
            with unittest.mock.patch.multiple(health, get=get, inspect=lambda _, state=state: {"State": state}):
                self.assertIs(health.of_consul("10.0.0.5", "consul").cure, health.Cure.NEW_CONSUL)
        get = unittest.mock.Mock(return_value='"127.0.0.1:8300"')
        with unittest.mock.patch.multiple(health, get=get, inspect=lambda _: {"State": {"Restarting": False}}):
            self.assertIsNone(health.of_consul("10.0.0.5", "consul"))


class Overview(unittest.TestCase):
    """The organiser's page, from rows as Swarm 1.2.9 has them."""

    INFO: ClassVar = {
        "SystemStatus": [
            ["Role", "primary"],
            ["Strategy", "spread"],
            ["Nodes", "2"],
            [" node-1", "10.0.0.7:2375"],
            ["  └ ID", "ABCD:EFGH"],
            ["  └ Status", "Healthy"],
            ["  └ Containers", "2 (2 Running, 0 Paused, 0 Stopped)"],
            ["  └ Reserved CPUs", "0 / 2"],
            ["  └ Reserved Memory", "512 MiB / 4.052 GiB"],
            ["  └ UpdatedAt", "2026-01-01T00:00:00Z"],
            [" node-2", "10.0.0.8:2375"],
            ["  └ Status", "Unhealthy"],
            ["  └ Reserved Memory", "0 B / 4.052 GiB"],
            ["  └ Error", "Cannot connect to the Docker daemon"],
        ]
    }
    CONTAINERS: ClassVar = [
        {"Names": ["/node-1/swarm-join"], "State": "running", "Labels": {}},
        {"Names": ["/node-1/notebook-2001"], "State": "running", "Labels": {"imagegen.student": "ada"}},
        {"Names": ["/node-2/notebook-2001"], "State": "exited", "Labels": {"imagegen.student": "ada"}},
    ]

    def page(self, info):
        running = {"ada": ("09:00", 2**20), "bob": ("09:01", None)}
        return classic_overview.summarise(info, self.CONTAINERS, running, {"memory": 2**30})

    def test_machines_students_and_room_are_what_the_manager_says(self):
        page = self.page(self.INFO)
        one, other = page["machines"]
        self.assertEqual((one["name"], one["address"], one["ready"], one["cpus"]), ("node-1", "10.0.0.7", True, 2))
        self.assertEqual((one["students"], one["room"], round(one["memory"], 2)), (1, 3, 4.05))
        self.assertEqual((other["state"], other["room"]), ("unhealthy", 0))
        self.assertEqual(other["message"], "Cannot connect to the Docker daemon")
        self.assertEqual([(it["name"], it["machine"]) for it in page["students"]], [("ada", "node-1"), ("bob", "")])
        self.assertEqual(page["warnings"], ["node-2 is unhealthy."])

    def test_a_manager_without_a_leader_or_without_nodes_is_told(self):
        page = self.page({"SystemStatus": [["Role", "replica"], ["Primary", ""]]})
        self.assertEqual(page["warnings"], ["The swarm is not ready: the manager has no leader."])
        self.assertEqual((page["machines"], page["room"]), ([], 0))
        page = self.page({"SystemStatus": [["Role", "primary"], ["Nodes", "0"]]})
        self.assertEqual(page["warnings"], ["The swarm is not ready: no node has joined yet."])

    def test_machines_that_the_manager_does_not_take_are_told_by_their_address(self):
        rows = [["Role", "primary"], ["Nodes", "2"]]
        for address in ("10.0.0.7", "10.0.0.8"):
            rows += [[" (unknown)", f"{address}:2375"], ["  └ Status", "Pending"]]
        names = [machine["name"] for machine in self.page({"SystemStatus": rows})["machines"]]
        self.assertEqual(names, ["10.0.0.7", "10.0.0.8"])

    def test_sizes_are_read_in_all_units(self):
        sizes = {"0 B": 0, "512 MiB": 512 * 2**20, "1.5GiB": 1.5 * 2**30, "": 0, "much": 0}
        self.assertEqual({text: classic_overview.size(text) for text in sizes}, sizes)


class Repair(unittest.TestCase):
    NO_LEADER = health.Fault("the manager has no leader", health.Cure.NEW_CONSUL)

    def setUp(self):
        self.clock, self.said, self.fault = [0.0], [], self.NO_LEADER
        self.docker = Docker({"swarm:1", "consul:1"})
        project.replace(self, containers, docker=self.docker, announce=lambda _: None, say=lambda _: None)
        project.replace(self, manager, announce=self.said.append)
        project.replace(self, health, fault=lambda *_: self.fault)
        self.watch = manager.Watch(lambda: self.clock[0])
        self.wanted = manager.wanted("10.0.0.5", IMAGES)

    def keep(self, *moments):
        for self.clock[0] in moments:
            manager.keep("10.0.0.5", self.wanted, self.watch)

    def test_only_what_lasts_is_mended_and_once_a_minute(self):
        said = []
        for moment in (0, 30, 40, 90, 101, 110, 165):
            self.clock[0] = moment + 1.0
            said.append(self.watch.is_due(None if moment == 30 else self.NO_LEADER))
        self.assertEqual(said, [False, False, False, False, True, False, False])
        self.clock[0] = 172.0
        self.assertTrue(self.watch.is_due(self.NO_LEADER))

    def test_consul_is_replaced_with_its_data_and_started_again(self):
        self.keep(1.0, 100.0)
        self.assertEqual(sum(call.startswith("POST /containers/create?name=consul") for call in self.docker.calls), 2)
        self.assertIn("DELETE /containers/consul?force=1&v=1", self.docker.calls)
        self.assertTrue(self.docker.containers["consul"]["State"]["Running"])
        self.assertIn("POST /containers/swarm-manager/restart?t=5", self.docker.calls)
        told = "Consul is replaced by a new one, and the manager started again"
        self.assertEqual(self.said, [f"For a minute the manager has no leader: {told}."])

    def test_a_manager_that_does_not_take_a_node_is_started_again_and_consul_stays(self):
        self.fault = health.Fault("a node was rebuilt at the address of an earlier one", health.Cure.MANAGER_RESTART)
        self.keep(1.0, 100.0)
        self.assertIn("POST /containers/swarm-manager/restart?t=5", self.docker.calls)
        self.assertFalse(any(call.startswith("DELETE") for call in self.docker.calls))

    def test_what_passes_by_itself_is_left_alone(self):
        self.fault = health.Fault("no node has joined yet")
        self.keep(1.0, 100.0, 1000.0)
        self.assertEqual(self.said, [])


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

    def test_they_take_our_arguments_elect_a_manager_and_keep_questions_waiting_without_one(self):
        project.replace(self, health, inspect=lambda _: None)
        with tempfile.TemporaryDirectory() as folder:
            wanted = manager.wanted("127.0.0.1", IMAGES)
            consul = [word.replace("/consul/data", folder) for word in wanted["consul"]["Cmd"]]
            self.start(wanted["swarm-manager"]["Cmd"])
            self.until("Consul does not answer")
            self.start(consul)
            self.until("no node has joined yet")
            with open(f"{folder}/node-id", "w"):
                pass
            self.until("Consul has no leader")
            self.waits_for_a_leader()

    def waits_for_a_leader(self):
        deadline = time.monotonic() + 40
        info = {}
        while time.monotonic() < deadline and info.get("Role") != "replica":
            time.sleep(0.5)
            info = dict(health.rows(json.loads(health.get("127.0.0.1", 4000, "/info"))))
        self.assertEqual((info["Role"], info["Primary"]), ("replica", ""))
        with unittest.mock.patch.object(health, "TIMEOUT", 2), self.assertRaises(TimeoutError):
            health.get("127.0.0.1", 4000, "/containers/json")

    def until(self, wanted):
        """Waits until the engine says what is wrong."""
        deadline = time.monotonic() + 40
        while time.monotonic() < deadline:
            fault = health.fault("127.0.0.1", "consul")
            if fault and wanted in fault.text:
                return
            time.sleep(0.5)
        self.fail(f"{wanted}: {fault}")

    def test_they_refuse_others(self):
        join = ["join", "--advertise=10.0.0.7", "--heartbeat=20s", "--ttl=60s", "consul://10.0.0.5:8500"]
        for command in (["agent", "-dev"], ["manage", "-H", ":4000", "consul://127.0.0.1:8500"], join):
            self.assertNotEqual(self.start(command).wait(20), 0, command)


if __name__ == "__main__":
    unittest.main()
