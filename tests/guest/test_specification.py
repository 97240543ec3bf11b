"""What Docker is told about a student's server, who may start one, and what is said to those who wait."""

import unittest

import project  # noqa: F401  (sets the path)
from imagegen.jupyter import messages, specification
from imagegen.jupyter.admission import AdmissionQueue
from samples import DIGEST, GIB, IMAGE, OPTIONS, account, node, service, task


class Specification(unittest.TestCase):
    def test_a_server_runs_as_the_account_and_may_do_nothing_else(self):
        container = service()["task_template"]["ContainerSpec"]
        self.assertEqual(container["User"], "2001:2001")
        self.assertEqual(container["Groups"], ["3000", "100"])
        self.assertEqual(container["CapabilityDrop"], ["ALL"])
        self.assertEqual(container["Privileges"], {"NoNewPrivileges": True})
        self.assertEqual(container["Image"], IMAGE)

    def test_odd_names_make_no_odd_services(self):
        for name in ("o.brien-2", "a" * 32, "4lena", "..." + "x" * 29):
            made = service(name, 1815)
            self.assertEqual(made["name"], "notebook-1815")
            home = made["task_template"]["ContainerSpec"]["Mounts"][0]
            self.assertEqual((home["Source"], home["Target"]), (f"/home/{name}", f"/home/{name}"))
            self.assertIn(f"NB_USER={name}", made["task_template"]["ContainerSpec"]["Env"])
        self.assertLessEqual(len(service(uid=4_294_967_294)["name"]), 63)

    def test_limits_reach_docker(self):
        resources = service()["task_template"]["Resources"]
        self.assertEqual(resources["Limits"], {"MemoryBytes": GIB, "Pids": 512, "NanoCPUs": 1_500_000_000})
        self.assertEqual(resources["Reservations"], {"MemoryBytes": GIB // 2})
        self.assertNotIn("NanoCPUs", service(cpus=None)["task_template"]["Resources"]["Limits"])

    def test_shares_are_to_read_unless_they_are_to_write(self):
        mounts = {each["Target"]: each for each in service()["task_template"]["ContainerSpec"]["Mounts"]}
        self.assertTrue(mounts["/share"]["ReadOnly"])
        self.assertFalse(mounts["/results"]["ReadOnly"])
        self.assertEqual(mounts["/share"]["BindOptions"], {"Propagation": "rslave"})

    def test_only_workers_with_the_image_are_asked_for(self):
        def placement(**options):
            return service(**options)["task_template"]["Placement"]["Constraints"]

        self.assertEqual(placement(), ["node.role==worker", f"engine.labels.imagegen.notebook-digest=={DIGEST}"])
        self.assertEqual(placement(image="x@sha256:2"), ["node.role==worker"])
        self.assertEqual(placement(on_hub=True), [f"engine.labels.imagegen.notebook-digest=={DIGEST}"])

    def test_the_image_is_the_one_that_most_ready_nodes_have(self):
        other = IMAGE.replace("1", "2")
        nodes = [node("a"), node("b"), node("c", other), node("d", other, state="down"), node("e", None)]
        self.assertEqual(specification.image_of(nodes, OPTIONS), IMAGE)
        self.assertIsNone(specification.image_of([node(image=None)], OPTIONS))
        self.assertEqual(specification.image_of([], {**OPTIONS, "image": "x@sha256:2"}), "x@sha256:2")

    def test_a_task_of_a_lost_node_is_not_alive_although_it_says_so(self):
        lost, new = task(desired="shutdown", created="2026-01-02"), task("starting", created="2026-01-01")
        self.assertFalse(specification.is_alive(lost))
        self.assertIs(specification.current([lost, new]), new)
        self.assertIs(specification.current([lost]), lost)
        self.assertIsNone(specification.current([]))

    def test_the_port_is_the_one_that_the_node_chose(self):
        port = {"TargetPort": 8888, "PublishMode": "host", "PublishedPort": 32768}
        self.assertEqual(specification.published_port(task(PortStatus={"Ports": [port]})), 32768)
        self.assertIsNone(specification.published_port(task(PortStatus={})))
        self.assertIsNone(specification.published_port(task()))

    def test_a_manager_is_reached_at_its_own_address(self):
        self.assertEqual(specification.address(node(), "10.0.0.5"), "10.0.0.7")
        self.assertEqual(specification.address(node(role="manager"), "10.0.0.5"), "10.0.0.5")

    def test_a_container_has_ended_only_once_it_has_run(self):
        ended = specification.how_it_ended
        self.assertIsNone(ended({"Running": True, "Status": "running"}))
        self.assertIsNone(ended({"Running": False, "Status": "created"}))
        killed = {"Running": False, "Status": "exited", "ExitCode": 137, "Error": ""}
        self.assertEqual(ended(killed), "it ended with code 137")
        self.assertEqual(ended({**killed, "Error": "no space"}), "it ended with code 137: no space")

    def test_the_classic_engine_gets_the_same_limits(self):
        create, host = specification.container(account("o.brien-2", 1815), {**OPTIONS, "image": "i"})
        self.assertEqual(create["user"], "1815:1815")
        self.assertEqual((host["mem_limit"], host["pids_limit"]), (GIB, 512))
        # dockerspawner makes a quota of the hub's limit, and Docker takes one of both.
        self.assertNotIn("nano_cpus", host)
        self.assertEqual((host["cap_drop"], host["security_opt"]), (["ALL"], ["no-new-privileges"]))
        self.assertEqual(host["binds"]["/home/o.brien-2"], {"bind": "/home/o.brien-2", "mode": "rw"})
        self.assertEqual(host["binds"]["/share"]["mode"], "ro")

    def test_machines_that_may_run_servers_have_processors(self):
        nodes = [node("node-1"), node("node-2", state="down"), node("hub", role="manager")]
        self.assertEqual(specification.processors(nodes, OPTIONS), 2)
        self.assertEqual(specification.processors(nodes, {**OPTIONS, "on_hub": True}), 4)
        self.assertEqual(specification.processors([], OPTIONS), 1)


class Admission(unittest.TestCase):
    def test_as_many_start_at_once_as_there_is_room_for_and_the_others_in_their_order(self):
        queue = AdmissionQueue()
        queue.slots = 2
        with queue.admit("c-was-first"):
            with queue.admit("b"), queue.admit("a"), queue.admit("d"):
                self.assertEqual([queue.position(who) for who in ("c-was-first", "b", "a", "d")], [0, 0, 1, 2])
                queue.slots = 3
                self.assertEqual(queue.position("d"), 1)
        self.assertEqual(queue.waiting, [])

    def test_who_fails_leaves_the_line(self):
        queue = AdmissionQueue()
        with self.assertRaises(OSError), queue.admit("a"):
            raise OSError
        self.assertEqual(queue.waiting, [])


class Messages(unittest.TestCase):
    def said(self, error, state="pending"):
        return messages.task_failure("ada", {"State": state, "Err": error})

    def test_a_full_class_may_wait(self):
        trouble = self.said("no suitable node (insufficient resources on 2 nodes)")
        self.assertIn("no room left", trouble.student)
        self.assertIn("one more node", trouble.organiser)
        self.assertTrue(trouble.is_temporary)

    def test_no_node_may_wait_too(self):
        trouble = self.said("no suitable node (scheduling constraints not satisfied on 1 node)")
        self.assertIn("No machine is ready", trouble.student)
        self.assertTrue(trouble.is_temporary)

    def test_a_missing_home_is_named_to_the_organiser(self):
        error = 'invalid mount config for type "bind": bind source path does not exist: /home/ada'
        trouble = self.said(error, "rejected")
        self.assertIn("home folder", trouble.student)
        self.assertIn("/home/ada is not there", trouble.organiser)
        self.assertFalse(trouble.is_temporary)

    def test_a_missing_image_is_told(self):
        for error in ("No such image: imagegen/notebook@sha256:1", "pull access denied for imagegen/notebook"):
            self.assertEqual(self.said(error, "rejected").reason, "no_image")

    def test_a_server_that_ended_is_told_and_one_on_its_way_is_not(self):
        self.assertEqual(self.said("task: non-zero exit (1)", "failed").reason, "ended")
        self.assertIsNone(self.said("", "preparing"))

    def test_who_waits_knows_for_how_many(self):
        self.assertIn("one other starts before yours", messages.queued(1))
        self.assertIn("7 others start before yours", messages.queued(7))
        self.assertIn("within 300 seconds", messages.too_slow("ada", 300).organiser)

    def test_nobody_reads_more_than_a_student_needs(self):
        full = "no suitable node (insufficient resources on 2 nodes)"
        for error in (full, "No such image: x", "exit 1"):
            self.assertNotIn("ada", self.said(error, "failed").student)


if __name__ == "__main__":
    unittest.main()
