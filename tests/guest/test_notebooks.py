"""The hub's own package, without JupyterHub and Docker."""
import asyncio
import hashlib
import importlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from unittest import mock

import project

sys.path.insert(0, os.path.join(project.PROJECT, "images/hub/usr/lib/imagegen"))

import materials
import opened
import state
from workshop_hub import disk, overview, specification, words
from workshop_hub.settings import Account
from workshop_hub.slowness import Slowness
from workshop_hub.tokens import Tokens
from workshop_hub.turns import Turns

GIB = 2**30
OPTIONS = {
    "image": None,
    "memory": GIB,
    "reserve": GIB // 2,
    "cpus": 1.5,
    "processes": 512,
    "on_hub": False,
    "homes": "/home",
    "shares": [["/share", False], ["/results", True]],
}
DIGEST = "sha256:" + "1" * 64
IMAGE = f"imagegen/notebook@{DIGEST}"


def account(name, uid=2001, groups=(3000,)):
    return Account(name, uid, uid, groups, f"/home/{name}")


def service(name="ada", uid=2001, **options):
    return specification.service(account(name, uid), IMAGE, ["jupyterhub-singleuser"], {"A": "b"}, {**OPTIONS, **options})


def node(name="node-1", image=IMAGE, state="ready", availability="active", role="worker", memory=4 * GIB):
    return {
        "ID": name,
        "Spec": {"Role": role, "Availability": availability},
        "Status": {"State": state, "Addr": "10.0.0.7"},
        "Description": {
            "Hostname": name,
            "Resources": {"MemoryBytes": memory, "NanoCPUs": 2 * 10**9},
            "Engine": {"Labels": {specification.LABEL: image}} if image else {},
        },
    }


def task(state="running", desired="running", created="2026-01-01T00:00:00Z", student="ada", on="node-1", **status):
    labels = {"imagegen.student": student} if student else {}
    return {
        "CreatedAt": created,
        "DesiredState": desired,
        "NodeID": on,
        "Spec": {"ContainerSpec": {"Labels": labels}},
        "Status": {"State": state, **status},
    }


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
        placement = lambda **options: service(**options)["task_template"]["Placement"]["Constraints"]
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

    def test_the_classic_engine_gets_the_same_limits(self):
        create, host = specification.container(account("o.brien-2", 1815), {**OPTIONS, "image": "i"})
        self.assertEqual(create["user"], "1815:1815")
        self.assertEqual((host["mem_limit"], host["pids_limit"], host["nano_cpus"]), (GIB, 512, 1_500_000_000))
        self.assertEqual((host["cap_drop"], host["security_opt"]), (["ALL"], ["no-new-privileges"]))
        self.assertEqual(host["binds"]["/home/o.brien-2"], {"bind": "/home/o.brien-2", "mode": "rw"})
        self.assertEqual(host["binds"]["/share"]["mode"], "ro")


    def test_machines_that_may_run_servers_have_processors(self):
        nodes = [node("node-1"), node("node-2", state="down"), node("hub", role="manager")]
        self.assertEqual(specification.processors(nodes, OPTIONS), 2)
        self.assertEqual(specification.processors(nodes, {**OPTIONS, "on_hub": True}), 4)
        self.assertEqual(specification.processors([], OPTIONS), 1)


class InTurn(unittest.TestCase):
    def test_as_many_start_at_once_as_there_is_room_for_and_the_others_in_their_order(self):
        turns = Turns()
        turns.room = 2
        with turns.standing("c-was-first"):
            with turns.standing("b"), turns.standing("a"), turns.standing("d"):
                self.assertEqual([turns.ahead(who) for who in ("c-was-first", "b", "a", "d")], [0, 0, 1, 2])
                turns.room = 3
                self.assertEqual(turns.ahead("d"), 1)
        self.assertEqual(turns.line, [])

    def test_who_fails_leaves_the_line(self):
        turns = Turns()
        with self.assertRaises(OSError), turns.standing("a"):
            raise OSError
        self.assertEqual(turns.line, [])


class Words(unittest.TestCase):
    def said(self, error, state="pending"):
        return words.of_task("ada", {"State": state, "Err": error})

    def test_a_full_class_may_wait(self):
        trouble = self.said("no suitable node (insufficient resources on 2 nodes)")
        self.assertIn("no room left", trouble.student)
        self.assertIn("one more node", trouble.organiser)
        self.assertTrue(trouble.may_pass)

    def test_no_node_may_wait_too(self):
        trouble = self.said("no suitable node (scheduling constraints not satisfied on 1 node)")
        self.assertIn("No machine is ready", trouble.student)
        self.assertTrue(trouble.may_pass)

    def test_a_missing_home_is_named_to_the_organiser(self):
        trouble = self.said('invalid mount config for type "bind": bind source path does not exist: /home/ada', "rejected")
        self.assertIn("home folder", trouble.student)
        self.assertIn("/home/ada is not there", trouble.organiser)
        self.assertFalse(trouble.may_pass)

    def test_a_missing_image_is_told(self):
        for error in ("No such image: imagegen/notebook@sha256:1", "pull access denied for imagegen/notebook"):
            self.assertEqual(self.said(error, "rejected").reason, "no_image")

    def test_a_server_that_ended_is_told_and_one_on_its_way_is_not(self):
        self.assertEqual(self.said("task: non-zero exit (1)", "failed").reason, "ended")
        self.assertIsNone(self.said("", "preparing"))

    def test_who_waits_knows_for_how_many(self):
        self.assertIn("one other starts before yours", words.turn(1))
        self.assertIn("7 others start before yours", words.turn(7))
        self.assertIn("within 300 seconds", words.too_slow("ada", 300).organiser)

    def test_nobody_reads_more_than_a_student_needs(self):
        for error in ("no suitable node (insufficient resources on 2 nodes)", "No such image: x", "exit 1"):
            self.assertNotIn("ada", self.said(error, "failed").student)


class WrongPasswords(unittest.TestCase):
    def setUp(self):
        self.now = 0.0
        self.slowness = Slowness(lambda: self.now)

    def waits(self, count, name="ada"):
        return [self.slowness.failed(name) for _ in range(count)]

    def test_a_few_slips_cost_little_and_many_cost_more_and_more(self):
        self.assertEqual(self.waits(9), [1, 1, 1, 2, 4, 8, 16, 30, 30])
        self.assertEqual(self.waits(1, "bob"), [1])

    def test_failures_are_forgotten(self):
        self.waits(10)
        self.now = Slowness.MEMORY + 1
        self.assertEqual(self.waits(1), [1])
        self.waits(10)
        self.slowness.succeeded("ada")
        self.assertEqual(self.waits(1), [1])

    def test_guesses_are_few_however_many_are_tried_at_once(self):
        looked_at = 0
        for self.now in range(600):
            looked_at += sum(self.slowness.admits("ada") for _ in range(50))
        self.assertLessEqual(looked_at, Slowness.BURST + 600 // Slowness.PACE)
        self.assertTrue(self.slowness.admits("bob"))


class Refused(Exception):
    """In the place of Tornado's HTTPError: its status and its sentence."""


class Pam:
    """In the place of JupyterHub's PAMAuthenticator: everybody's password is `right`."""

    allowed_users = {f"training{number:02}" for number in range(1, 61)}
    log = mock.Mock()

    async def authenticate(self, handler, data):
        self.asked.append(data["username"])
        await asyncio.sleep(0)
        return data["username"] if data["password"] == "right" else None


def login_module():
    """With only as much of JupyterHub as it uses."""
    modules = {
        "jupyterhub": mock.Mock(),
        "jupyterhub.auth": mock.Mock(PAMAuthenticator=Pam),
        "jupyterhub.utils": mock.Mock(maybe_future=lambda it: it),
        "tornado": mock.Mock(web=mock.Mock(HTTPError=Refused)),
    }
    with mock.patch.dict(sys.modules, modules):
        return importlib.import_module("workshop_hub.login")


class Login(unittest.IsolatedAsyncioTestCase):
    """All come from one address, as a class does. Nothing that waits goes on before its test has ended."""

    def setUp(self):
        self.now, self.waits = 0.0, []
        login = login_module()
        self.authenticator = login.WorkshopAuthenticator()
        self.authenticator.asked = []
        self.authenticator.slowness.clock = lambda: self.now
        replaced = mock.patch.object(login, "asyncio", mock.Mock(sleep=self.sleep))
        replaced.start()
        self.addCleanup(replaced.stop)

    async def asyncSetUp(self):
        self.over = asyncio.Event()

    async def sleep(self, seconds):
        self.waits.append(seconds)
        await self.over.wait()

    def tries(self, name, password, count=1):
        handler = mock.Mock()
        handler.request.remote_ip = "10.0.0.9"
        data = {"username": name, "password": password}
        return [asyncio.create_task(self.authenticator.authenticate(handler, data)) for _ in range(count)]

    async def told(self, tasks):
        self.over.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    async def gets_in(self, name):
        async with asyncio.timeout(10):
            return await self.tries(name, "right")[0]

    async def test_the_right_password_does_not_wait_for_wrong_ones(self):
        wrong = self.tries("training05", "wrong", 12)
        self.assertEqual(await self.gets_in("training05"), "training05")
        self.assertEqual(await self.told(wrong), [None] * 12)
        self.assertEqual(self.waits[:5], [1, 1, 1, 2, 4])

    async def test_a_class_behind_one_address_is_not_held_up_by_its_slips(self):
        wrong = [task for name in Pam.allowed_users for task in self.tries(name, "wrong")]
        wrong += [task for number in range(60) for task in self.tries(f"typo{number}", "right")]
        self.assertEqual(await self.gets_in("training07"), "training07")
        self.assertEqual(await self.told(wrong), [None] * 120)
        self.assertEqual(set(self.waits), {1})

    async def test_a_flooded_name_is_refused_without_a_look_and_free_again_within_seconds(self):
        flood = self.tries("training05", "wrong", 50)
        with self.subTest("others are not concerned"):
            self.assertEqual(await self.gets_in("training06"), "training06")
        told = await self.told(flood)
        self.assertEqual(told.count(None), Slowness.BURST)
        self.assertEqual(self.authenticator.asked.count("training05"), Slowness.BURST)
        refusals = {str(refused.args) for refused in told if refused is not None}
        self.assertEqual(len(refusals), 1)
        self.assertIn("429, 'Too many passwords are being tried for this name.", refusals.pop())
        self.now += Slowness.PACE
        self.over.clear()
        self.assertEqual(await self.gets_in("training05"), "training05")

    async def test_pam_is_not_asked_about_the_machines_own_accounts(self):
        self.assertEqual(await self.told(self.tries("root", "right")), [None])
        self.assertEqual(self.authenticator.asked, [])


class Overview(unittest.TestCase):
    def of(self, nodes, tasks=(), students=None, said=None, **options):
        return overview.of(nodes, list(tasks), students or {}, said or {}, {**OPTIONS, **options}, "10.0.0.5")

    def test_room_is_what_the_reserves_leave(self):
        seen = self.of([node()], [task(), task(student="bob"), task(desired="shutdown", student="eve")])
        self.assertEqual(seen["machines"][0]["students"], 2)
        self.assertEqual(seen["room"], 6)
        self.assertEqual(seen["troubles"], [])

    def test_the_hub_is_no_machine_for_notebooks_unless_it_is(self):
        hub = node("hub", role="manager")
        self.assertEqual(self.of([hub])["troubles"], ["No node has joined yet."])
        self.assertEqual(len(self.of([hub], on_hub=True)["machines"]), 1)

    def test_what_is_wrong_is_said(self):
        seen = self.of([node("a", state="down"), node("b", image=None), node("c", memory=GIB // 4)])
        self.assertEqual(
            seen["troubles"],
            ["a is down, active.", "b has no notebook image.", "There is no room for another student: launch one more node."],
        )

    def test_where_docker_knows_no_machines_none_is_missed(self):
        seen = self.of(None, students={"ada": ("09:15", None)})
        self.assertEqual((seen["machines"], seen["troubles"]), (None, []))
        self.assertEqual([each["name"] for each in seen["students"]], ["ada"])

    def test_what_left_before_it_had_told_its_name_is_no_machine(self):
        left = {**node(state="down"), "Description": {}}
        self.assertEqual(self.of([left, node()], students={"ada": ("", None)})["troubles"], [])

    def test_students_have_their_machine_and_memory(self):
        seen = self.of([node()], [task()], {"ada": ("09:15", 100 * 2**20), "bob": ("", None)}, {"node-1": {"text": "joined"}})
        self.assertEqual(seen["students"][0], {"name": "ada", "machine": "node-1", "state": "running", "started": "09:15", "memory": 100.0})
        self.assertEqual(seen["students"][1]["machine"], "")
        self.assertEqual(seen["machines"][0]["word"], "joined")


class Disk(unittest.TestCase):
    def of(self, free, size, devices=(1, 1)):
        """Told of homes and database on file systems of that size and room, in MiB."""
        places = {"homes": "/srv/homes", "JupyterHub's database": "/var/lib/jupyterhub"}
        stats = {folder: mock.Mock(st_dev=device) for folder, device in zip(places.values(), devices)}
        system = mock.Mock(f_frsize=4096, f_blocks=size * 256, f_bavail=free * 256)
        fake = mock.Mock(stat=stats.get, statvfs=lambda _: system, path=mock.Mock(isdir=lambda folder: folder in stats))
        with mock.patch.object(disk, "os", fake):
            return disk.troubles(places)

    def test_a_disk_with_room_is_no_trouble(self):
        self.assertEqual(self.of(1100, 20_000), [])
        self.assertEqual(self.of(6000, 100_000), [])

    def test_a_disk_without_is_told_once_with_what_is_on_it(self):
        told = "The hub's disk is nearly full: 314 MB are left for homes and JupyterHub's database."
        self.assertEqual(self.of(300, 4000), [told])
        self.assertEqual(len(self.of(4000, 100_000)), 1)

    def test_each_disk_is_told(self):
        told = "The hub's disk is nearly full: 314 MB are left for"
        self.assertEqual(self.of(300, 4000, (1, 2)), [f"{told} homes.", f"{told} JupyterHub's database."])

    def test_homes_that_are_not_there_yet_do_not_close_the_page(self):
        self.assertEqual(disk.troubles({"homes": "/nonexistent/homes"}), [])


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


class State(unittest.TestCase):
    def test_without_a_domain_the_workshops_certificate_is_for_every_name(self):
        text = state.caddyfile({"domain": None, "email": None})
        self.assertIn("https:// {", text)
        self.assertIn("redir https://{host}{uri} permanent", text)

    def test_with_a_domain_caddy_gets_the_certificate(self):
        text = state.caddyfile({"domain": "w.example.org", "email": "ada@example.org"})
        self.assertIn("w.example.org {", text)
        self.assertIn("email ada@example.org", text)
        self.assertNotIn("CREDENTIALS", text)

    def test_nobody_writes_another_address_into_the_hubs_journal(self):
        for domain in None, "w.example.org":
            text = state.caddyfile({"domain": domain, "email": None})
            self.assertIn("reverse_proxy 127.0.0.1:8000 {\n\t\theader_up -X-Real-Ip\n\t}\n}\n", text)


class Opened(unittest.TestCase):
    ALERT = b"\x15\x03\x03\x00\x02\x02\x50"  # What Caddy answers where it has no certificate (RFC 8446, section 6).

    def setUp(self):
        self.now, self.said = 0, []
        names = {"announce": self.said.append, "time": mock.Mock(monotonic=lambda: self.now, sleep=self.sleep)}
        for name, value in names.items():
            patch = mock.patch.object(opened, name, value)
            patch.start()
            self.addCleanup(patch.stop)

    def sleep(self, seconds):
        self.now += seconds

    def waits(self, seconds, closed, domain):
        """While the page is closed in that way; then it opens."""

        def is_open(name):
            if self.now >= seconds:
                return True
            if isinstance(closed, Exception):
                raise closed
            return closed

        with mock.patch.object(opened, "is_open", is_open):
            opened.wait_until_open(domain or "10.0.0.5", domain)
        return self.said

    def test_a_name_without_a_certificate_is_told_once_with_what_to_look_at(self):
        said = self.waits(900, opened.ssl.SSLError(), "w.example.org")
        self.assertEqual(
            said,
            ["https://w.example.org/ has no certificate yet: does the name lead here, and are TCP 80 and 443 open to the world?"],
        )

    def test_a_certificate_may_take_its_time(self):
        self.assertEqual(self.waits(100, opened.ssl.SSLError(), "w.example.org"), [])

    def test_what_is_no_matter_of_certificates_is_not_taken_for_one(self):
        self.assertEqual(self.waits(900, False, "w.example.org"), [])
        self.assertEqual(self.waits(900, opened.ssl.SSLError(), None), [])

    def test_a_server_without_a_certificate_is_told_from_one_that_does_not_listen(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            place = server.getsockname()
            connect = socket.create_connection

            def answer():
                line, _ = server.accept()
                with line:
                    line.recv(65536)
                    line.sendall(self.ALERT)

            with mock.patch.object(opened.socket, "create_connection", lambda _, seconds: connect(place, seconds)):
                answering = threading.Thread(target=answer)
                answering.start()
                with self.assertRaises(opened.ssl.SSLError):
                    opened.is_open("w.example.org")
                answering.join()
                server.close()
                self.assertFalse(opened.is_open("w.example.org"))


class Materials(unittest.TestCase):
    def test_a_copy_is_whole_and_what_is_there_stays(self):
        with tempfile.TemporaryDirectory() as folder:
            os.makedirs(f"{folder}/kept/inner")
            with open(f"{folder}/kept/inner/a.txt", "w") as file:
                json.dump([1], file)
            own = os.getuid(), os.getgid()
            self.assertTrue(materials.copy(f"{folder}/kept", f"{folder}/home", *own))
            self.assertTrue(os.path.isfile(f"{folder}/home/inner/a.txt"))
            os.remove(f"{folder}/home/inner/a.txt")
            self.assertFalse(materials.copy(f"{folder}/kept", f"{folder}/home", *own))
            self.assertEqual(os.listdir(f"{folder}/home/inner"), [])

    def course(self, folder):
        """A material in a folder that nobody else can look into."""
        os.makedirs(f"{folder}/kept/course/inner")
        os.chmod(f"{folder}/kept", 0o700)
        os.symlink("inner/a.txt", f"{folder}/kept/course/link")
        for name, mode in (("inner/a.txt", 0o600), ("run.sh", 0o755), ("inner", 0o550), (".", 0o750)):
            path = f"{folder}/kept/course/{name}"
            if not os.path.isdir(path):
                with open(path, "w") as file:
                    file.write(name)
            os.chmod(path, mode)
        return f"{folder}/kept/course"

    def state(self, folder):
        """Each path with its mode and its time."""
        paths = [folder] + [os.path.join(inner, name) for inner, folders, files in os.walk(folder) for name in folders + files]
        return {os.path.relpath(path, folder): (oct(os.lstat(path).st_mode), int(os.lstat(path).st_mtime)) for path in paths}

    def test_a_copy_is_the_same_whatever_a_student_has_put_in_its_way(self):
        def nothing(path):
            pass

        def file(path):
            open(path, "w").close()

        def link(path):
            os.symlink("../others", path)

        def remains(path):
            os.makedirs(f"{path}/inner")
            file(f"{path}/inner/b.txt")

        for obstacle in (nothing, file, link, remains):
            with tempfile.TemporaryDirectory() as folder, self.subTest(obstacle.__name__):
                kept = self.course(folder)
                os.makedirs(f"{folder}/others/inner")
                os.makedirs(f"{folder}/home")
                obstacle(f"{folder}/home/.course.unfinished")
                self.assertTrue(materials.copy(kept, f"{folder}/home/course", os.getuid(), os.getgid()))
                self.assertEqual(self.state(f"{folder}/home/course"), self.state(kept))
                self.assertEqual(os.listdir(f"{folder}/home"), ["course"])
                self.assertEqual(os.listdir(f"{folder}/others"), ["inner"])

    def test_who_cannot_have_a_copy_is_told_and_keeps_nobody_else_from_it(self):
        with tempfile.TemporaryDirectory() as folder:
            os.makedirs(f"{folder}/kept/course")
            own = os.getuid(), os.getgid(), ""
            users = {"ada": own, "bob": own, "eve": own}
            for name in ("ada", "eve"):
                os.makedirs(f"{folder}/home/{name}")
            material = {"name": "course", "into": "homes"}
            said = []
            with mock.patch.multiple(materials, KEPT=f"{folder}/kept", announce=said.append, table=lambda: (users, {})):
                materials.place(material, f"{folder}/home")
            self.assertTrue(os.path.isdir(f"{folder}/home/eve/course"))
            self.assertEqual(len(said), 2)
            self.assertTrue(said[0].startswith("bob has no course in the home"), said)
            self.assertEqual(said[1], "course is in 2 homes.")

    @unittest.skipUnless(os.geteuid() == 0, "only root can become somebody else")
    def test_a_copy_is_made_with_the_rights_of_whom_it_is_for(self):
        with tempfile.TemporaryDirectory() as folder:
            os.chmod(folder, 0o755)
            kept = self.course(folder)
            os.makedirs(f"{folder}/home", 0o700)
            os.makedirs(f"{folder}/others", 0o755)
            os.chown(f"{folder}/home", 2001, 2002)
            self.assertTrue(materials.copy(kept, f"{folder}/home/course", 2001, 2002))
            self.assertEqual(self.state(f"{folder}/home/course"), self.state(kept))
            owners = subprocess.run(["find", f"{folder}/home", "-printf", "%U:%G\n"], check=True, capture_output=True, text=True)
            self.assertEqual(set(owners.stdout.split()), {"2001:2002"})

            def swapped(command, run=subprocess.run, **options):
                if command[0] == "tar":
                    os.rename(f"{folder}/home/.more.unfinished", f"{folder}/home/away")
                    os.symlink(f"{folder}/others", f"{folder}/home/.more.unfinished")
                return run(command, **options)

            with mock.patch.object(materials.subprocess, "run", swapped), self.assertRaises(subprocess.CalledProcessError):
                materials.copy(kept, f"{folder}/home/more", 2001, 2002)
            self.assertEqual(os.listdir(f"{folder}/others"), [])
            self.assertEqual(os.stat(f"{folder}/others").st_uid, 0)

    def test_a_git_repository_comes_as_the_branch_or_tag_that_was_named(self):
        with tempfile.TemporaryDirectory() as folder:
            git = lambda *words: subprocess.run(["git", "-C", f"{folder}/course", *words], check=True, capture_output=True)
            os.makedirs(f"{folder}/course")
            git("init", "--quiet")
            git("config", "user.email", "ada@example.org")
            git("config", "user.name", "Ada")
            for version in ("v1", "v2"):
                with open(f"{folder}/course/lesson", "w") as file:
                    file.write(version)
                git("add", "lesson")
                git("commit", "--quiet", "--message", version)
                git("tag", version)
            for ref, wanted in (("v1", "v1"), (None, "v2")):
                os.makedirs(f"{folder}/{wanted}")
                materials.fetch({"kind": "git", "url": f"file://{folder}/course", "ref": ref}, f"{folder}/{wanted}")
                with open(f"{folder}/{wanted}/lesson") as file:
                    self.assertEqual(file.read(), wanted)

    def test_an_archive_is_what_its_hash_says_or_nothing(self):
        with tempfile.TemporaryDirectory() as folder, mock.patch.object(materials, "WORK", folder):
            os.makedirs(f"{folder}/data")
            with open(f"{folder}/data/table.csv", "w") as file:
                file.write("1,2\n")
            for kind, format in (("tar.gz", "gztar"), ("zip", "zip")):
                path = shutil.make_archive(f"{folder}/packed", format, f"{folder}/data")
                with open(path, "rb") as file:
                    known = hashlib.file_digest(file, "sha256").hexdigest()
                os.makedirs(f"{folder}/{kind}")
                material = {"kind": "archive", "url": f"file://{path}", "sha256": known}
                materials.fetch(material, f"{folder}/{kind}")
                self.assertEqual(os.listdir(f"{folder}/{kind}"), ["table.csv"])
                with self.assertRaises(ValueError):
                    materials.fetch({**material, "sha256": "0" * 64}, f"{folder}/{kind}")

    def test_what_an_archive_is_stands_in_it_and_not_in_its_address(self):
        with tempfile.TemporaryDirectory() as folder, mock.patch.object(materials, "WORK", folder):
            os.makedirs(f"{folder}/data")
            with open(f"{folder}/data/table.csv", "w") as file:
                file.write("1,2\n")
            os.makedirs(f"{folder}/more")
            shutil.make_archive(f"{folder}/more/table", "zip", f"{folder}/data")
            for format, source, wanted in (("zip", "data", "table.csv"), ("tar", "more", "table.zip")):
                os.rename(shutil.make_archive(f"{folder}/packed", format, f"{folder}/{source}"), f"{folder}/download")
                os.makedirs(f"{folder}/{format}")
                materials.fetch({"kind": "archive", "url": f"file://{folder}/download", "sha256": None}, f"{folder}/{format}")
                self.assertEqual(os.listdir(f"{folder}/{format}"), [wanted])

    def test_a_material_that_cannot_be_fetched_yet_holds_up_no_other_and_comes_later(self):
        with tempfile.TemporaryDirectory() as folder:
            os.makedirs(f"{folder}/data")
            shutil.make_archive(f"{folder}/sound", "zip", f"{folder}/data")
            with open(f"{folder}/broken.zip", "wb") as file:
                file.write(b"PK\5\6")
            names = ["late", "broken", "sound"]
            material = {"kind": "archive", "sha256": None, "into": "share"}
            config = {"homes": "", "materials": [{**material, "name": name, "url": f"file://{folder}/{name}.zip"} for name in names]}
            seen, said = [], []

            def sleep(seconds):
                seen.append(sorted(os.listdir(f"{folder}/share")))
                self.assertLess(len(seen), 3)
                if len(seen) == 2:
                    shutil.copy(f"{folder}/sound.zip", f"{folder}/late.zip")
                    shutil.copy(f"{folder}/sound.zip", f"{folder}/broken.zip")

            places = {"WORK": folder, "KEPT": f"{folder}/kept", "SHARE": f"{folder}/share"}
            with mock.patch.multiple(materials, settings=lambda: config, announce=said.append, **places):
                with mock.patch.object(materials.time, "sleep", sleep):
                    materials.main()
            self.assertEqual(seen, [["sound"], ["sound"]])
            self.assertEqual(sorted(os.listdir(f"{folder}/share")), ["broken", "late", "sound"])
            self.assertEqual([sum(f"/{name}.zip cannot" in text for text in said) for name in names], [1, 1, 0])


if __name__ == "__main__":
    unittest.main()
