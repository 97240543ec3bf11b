"""The hub's settings, spawner and page in the JupyterHub that golden images have, with the broker before a Docker API
of the tests. `.ci/docker-guards` has the broker before a real one.
`test_jupyterhub.py` runs it in an environment with the packages of images/locks/hub.txt."""

import asyncio
import concurrent.futures
import datetime
import html
import http.client
import http.cookiejar
import http.server
import json
import logging
import os
import re
import socket
import tempfile
import threading
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request
from unittest import mock

import jupyterhub
import pamela
from jupyterhub.app import JupyterHub
from jupyterhub.spawner import SpawnException
from tornado.httpserver import HTTPServer
from traitlets.config import Config

import project
from imagegen import dockerd, settings, users
from imagegen.hub import address, broker, culler
from imagegen.hub.broker_policy import Rules
from imagegen.jupyter import account, login_throttle, page, spawner, usage
from samples import GIB, IMAGE, OPTIONS, node

CONFIG = os.path.join(project.PROJECT, "images/hub/etc/jupyterhub/jupyterhub_config.py")
TEMPLATES = os.path.join(project.LIBRARY, "imagegen/jupyter/templates")
STUDENTS = ("ada", "bob")
SETTINGS = {
    "role": "hub",
    "engine": "swarm",
    "workshop": "Example",
    "homes": "/srv/homes",
    "hub_ip": None,
    "page": {
        "admins": ["ada"],
        "notebooks": {**OPTIONS, "idle_minutes": 120, "start_seconds": 20},
        "web": {"domain": None, "email": None},
        "materials": [],
        "timezone": "Europe/Berlin",
    },
}
TOKENS = ("CONFIGPROXY_AUTH_TOKEN", "JUPYTERHUB_API_TOKEN", "IMAGEGEN_METRICS_TOKEN")


class Server(http.server.ThreadingHTTPServer):
    """A web server on loopback with one function for all requests: method, path and body to status and JSON."""

    def __init__(self, answer, headers=(), socket_path=None):
        self.answer, self.headers = answer, dict(headers)
        self.address_family = socket.AF_UNIX if socket_path else socket.AF_INET
        super().__init__(socket_path or ("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def server_bind(self):
        if self.address_family == socket.AF_UNIX:
            self.socket.bind(self.server_address)
        else:
            super().server_bind()

    @property
    def port(self):
        return self.server_address[1]


class Handler(http.server.BaseHTTPRequestHandler):
    def handle_any(self):
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        status, value = self.server.answer(self.command, self.path, body)
        text = json.dumps(value).encode()
        self.send_response(status)
        for name, content in {"Content-Type": "application/json", **self.server.headers}.items():
            self.send_header(name, content)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = do_DELETE = handle_any

    def log_message(self, *_):
        pass


NODE = "n" * 25


def service_id(name):
    """As Docker's, which have 25 letters and digits."""
    return name.replace("-", "").ljust(25, "0")


class Docker:
    """A swarm of one node, whose servers listen at `port` of this machine as soon as they are asked for."""

    def __init__(self, port):
        self.port, self.services, self.calls = port, {}, []
        self.nodes = [{**node(), "Status": {"State": "ready", "Addr": "127.0.0.1"}, "ID": NODE}]
        self.status = {"State": "running"}  # what every task says of itself
        self.busy = 0  # questions that get an error before one gets an answer
        self.lost = {}  # by service, the state in which the swarm gives up its next task, for its machine is lost

    def __call__(self, method, path, body):
        parts = urllib.parse.urlsplit(path)
        filters = json.loads(urllib.parse.parse_qs(parts.query).get("filters", ["{}"])[0])
        place = re.sub(r"^/v[0-9.]+", "", parts.path)
        self.calls.append(f"{method} {place}")
        if method == "GET" and self.busy and place != "/version":
            self.busy -= 1
            return 500, {"message": "rpc error: code = DeadlineExceeded desc = context deadline exceeded"}
        kind, name, *_ = (*place.split("/")[1:], "", "")
        return {"version": self.version, "services": self.service, "nodes": self.node, "tasks": self.tasks}[kind](
            method, name, body or filters
        )

    def version(self, *_):
        return 200, {"ApiVersion": "1.51"}

    def service(self, method, name, body):
        if method == "POST":
            self.services[body["Name"]] = body
            return 201, {"ID": service_id(body["Name"])}
        name = next((known for known in self.services if service_id(known) == name), name)
        if name not in self.services:
            return 404, {"message": f"service {name} not found"}
        if method == "DELETE":
            self.lost.pop(name, None)
            return 200, self.services.pop(name)
        return 200, {"ID": service_id(name), "Spec": self.services[name]}

    def node(self, _, name, __):
        if self.nodes is None:
            return 500, {"message": "the swarm has no leader"}
        return 200, (self.nodes[0] if name else self.nodes)

    def tasks(self, _, __, filters):
        # docker-py says {"service": ["notebook-1"]}; tasks of removed services are asked for by name.
        wanted = filters.get("service", self.services)
        return 200, [self.task(name) for name in wanted if name in self.services]

    def task(self, name):
        port = {"TargetPort": 8888, "PublishMode": "host", "PublishedPort": self.port}
        status = {"State": self.lost[name]} if name in self.lost else self.status
        return {
            "CreatedAt": "2026-01-01T00:00:00Z",
            "DesiredState": "shutdown" if name in self.lost or status["State"] == "failed" else "running",
            "NodeID": NODE,
            "Spec": {"ContainerSpec": self.services[name]["TaskTemplate"]["ContainerSpec"]},
            "Status": {**status, "PortStatus": {"Ports": [port]}},
        }


def find_account(name):
    """Accounts that this machine does not have."""
    uid = 2001 + STUDENTS.index(name)
    return account.Account(name, uid, uid, (), f"/home/{name}")


class Hub(unittest.IsolatedAsyncioTestCase):
    """JupyterHub as its settings say, but for where its files are. Nothing of it listens, but where a test says so."""

    engine = "swarm"

    async def asyncSetUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        asyncio.get_running_loop().set_debug(False)
        self.version = {"X-JupyterHub-Version": jupyterhub.__version__}
        self.server = self.listen(lambda *_: (200, {"rss": 100 * 2**20}), self.version)
        self.docker = Docker(self.server.port)
        self.listen(self.docker, socket_path=f"{folder.name}/docker.sock")
        project.replace(self, dockerd, SOCKET=f"{folder.name}/docker.sock")
        self.start_broker(f"{folder.name}/broker.sock")
        self.patch_everything(f"unix://{folder.name}/broker.sock")
        await self.start(folder.name)

    def start_broker(self, path):
        listener = socket.socket(socket.AF_UNIX)
        self.addCleanup(listener.close)
        listener.bind(path)
        listener.listen()
        rules = Rules("example-1", SETTINGS["page"]["notebooks"], find_account)
        threading.Thread(target=broker.listen, args=(listener, broker.Broker(rules)), daemon=True).start()

    def listen(self, answer, headers=(), socket_path=None):
        server = Server(answer, headers, socket_path)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return server

    def patch_everything(self, url):
        config = {**SETTINGS, "engine": self.engine}
        accounts = {name: users.User(find_account(name).uid, find_account(name).gid) for name in STUDENTS}
        project.replace(self, settings, settings=lambda *_: config)
        project.replace(self, users, table=lambda *_: users.Table(accounts, {}))
        project.replace(self, address, find_interface=lambda _: mock.Mock(ip="127.0.0.1"))
        project.replace(self, account, find=find_account)
        project.replace(self, page, DOCKER=url)
        project.replace(self, spawner.SwarmNotebooks, _client=None)
        secrets = mock.patch.dict(
            os.environ, {"CREDENTIALS_DIRECTORY": "/nonexistent", **{name: name.lower() * 2 for name in TOKENS}}
        )
        secrets.start()
        self.addCleanup(secrets.stop)

    async def start(self, folder):
        JupyterHub.clear_instance()
        self.addCleanup(JupyterHub.clear_instance)
        self.app = JupyterHub.instance()
        self.app.load_config_file(CONFIG)
        own = Config()
        own.JupyterHub.db_url, own.JupyterHub.cookie_secret_file = f"sqlite:///{folder}/sqlite", f"{folder}/secret"
        own.JupyterHub.template_paths, own.JupyterHub.hub_bind_url = [TEMPLATES], "http://127.0.0.1:0"
        self.app.update_config(own)
        self.app.log_level = logging.CRITICAL
        await self.app.initialize([])

    def user(self, name):
        return self.app.users[name]


class Settings(Hub):
    async def test_the_hub_takes_every_one_of_its_settings_and_knows_them_all(self):
        self.assertEqual(set(self.app.authenticator.allowed_users), set(STUDENTS))
        own = self.user("ada").spawner
        self.assertIsInstance(own, spawner.SwarmNotebooks)
        self.assertEqual((own.mem_limit, own.cpu_limit, own.port), (GIB, 1.5, 8888))
        self.assertEqual((own.own_address, own.object_name), ("127.0.0.1", "notebook-2001"))
        mine = (spawner.SwarmNotebooks, spawner.ClassicNotebooks, type(self.app.authenticator))
        classes = {each.__name__: each for known in (*self.app.classes, *mine) for each in known.mro()}
        for section, values in self.app.config.items():
            for name in values:
                self.assertIn(name, classes[section].class_trait_names(config=True), section)


class Manager:
    """The manager of the standalone Swarm, with the answers of 1.2.9, before one node on this machine."""

    def __init__(self, port):
        self.port, self.containers, self.removed = port, {}, []
        self.refused = None  # the status of every answer about containers
        self.stuck = 0  # removals that fail before one succeeds

    def __call__(self, method, path, body):
        parts = urllib.parse.urlsplit(path)
        place = re.sub(r"^/v[0-9.]+", "", parts.path)
        query = urllib.parse.parse_qs(parts.query)
        if place == "/version":
            return 200, {"ApiVersion": "1.30"}
        if place == "/info":
            return 200, {"NCPU": 1}
        if self.refused:
            return self.refused, {"message": "Container not found or node unhealthy"}
        if place == "/containers/json":
            return 200, [each for each in self.containers.values() if self.is_of(each, query)]
        if place == "/containers/create":
            return self.create(query["name"][0], body)
        return self.container(method, *(*place.split("/")[2:], "")[:2])

    def is_of(self, container, query):
        label = json.loads(query["filters"][0])["label"][0]
        return "{}={}".format(*next(iter(container["Config"]["Labels"].items()))) == label

    def create(self, name, body):
        host = body["HostConfig"]
        if host.get("NanoCpus") and (host.get("CpuPeriod") or host.get("CpuQuota")):
            return 400, {"message": "Conflicting options: Nano CPUs and CPU Period cannot both be set"}
        if any(name == each["Name"] for each in self.containers.values()):
            return 409, {"message": f"Conflict: The name {name} is already assigned"}
        return 201, {"Id": self.add(name, body)}

    def add(self, name, body):
        number = f"{len(self.containers) + len(self.removed):064x}"
        ports = {"8888/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(self.port)}]}
        state = {"Running": True, "ExitCode": 0, "Error": ""}
        self.containers[number] = {
            "Id": number,
            "Name": name,
            "Config": body,
            "State": state,
            "NetworkSettings": {"Ports": ports},
        }
        return number

    def container(self, method, number, action):
        if number not in self.containers:
            return 404, {"message": f"No such container: {number}"}
        if method == "DELETE" and self.stuck:
            self.stuck -= 1
            return 500, {"message": "removal of container is already in progress"}
        if method == "DELETE":
            self.removed.append(number)
            del self.containers[number]
        elif action == "json":
            return 200, self.containers[number]
        return 200, {}


class Classic(Hub):
    engine = "classic"

    def patch_everything(self, url):
        super().patch_everything(url)
        project.replace(self, spawner.ClassicNotebooks, _client=None)
        project.replace(self, spawner, MANAGER_PATIENCE=1, DOCKER_TIMEOUT=1, POLL_PAUSE=0.1)

    async def start(self, folder):
        await super().start(folder)
        self.manager = Manager(self.server.port)
        listener = self.listen(self.manager)
        self.app.config.DockerSpawner.client_kwargs = {"base_url": f"tcp://127.0.0.1:{listener.port}"}

    async def test_a_server_starts_with_one_limit_of_processors_is_polled_and_is_stopped(self):
        ada = self.user("ada")
        await ada.spawn()
        host = next(iter(self.manager.containers.values()))["Config"]["HostConfig"]
        self.assertEqual((host["CpuQuota"], host["CpuPeriod"]), (150_000, 100_000))
        self.assertIsNone(await ada.spawner.poll())
        await ada.stop()
        self.assertEqual((self.manager.containers, await ada.spawner.poll()), ({}, 0))

    async def test_a_manager_that_knows_no_node_for_a_moment_ends_no_server(self):
        ada = self.user("ada")
        await ada.spawn()
        for statuses in ((404,), (500,), (500, 404), (404, 500)):
            # Time counts for each kind of answer alone: together they are longer than either may be.
            polled = asyncio.create_task(ada.spawner.poll())
            for status in statuses:
                self.manager.refused = status
                await asyncio.sleep(0.8)
            self.manager.refused = None
            self.assertIsNone(await polled)
        self.manager.containers.clear()
        self.assertEqual(await ada.spawner.poll(), 0)

    async def test_a_server_that_ended_is_told_at_once(self):
        ada = self.user("ada")
        await ada.spawn()
        container = next(iter(self.manager.containers.values()))
        self.assertFalse(container["Config"]["HostConfig"].get("AutoRemove"), "its end would be gone with it")
        container["State"] = {"Running": False, "ExitCode": 137, "Error": ""}
        self.assertEqual(await ada.spawner.poll(), "it ended with code 137")
        self.assertEqual(self.manager.containers, {}, "the manager would go on reserving its memory")

    async def test_a_node_that_comes_back_with_an_older_server_ends_nothing_and_hinders_no_start(self):
        ada = self.user("ada")
        await ada.spawn()
        own = ada.spawner.object_id
        other = self.manager.add("notebook-2001", {"Labels": {"imagegen.student": "ada"}})
        stranger = self.manager.add("notebook-2002", {"Labels": {"imagegen.student": "bob"}})
        self.assertIsNone(await ada.spawner.poll())
        await ada.stop()
        self.assertEqual(self.manager.removed, [own])
        await ada.spawn()
        self.assertEqual(self.manager.removed, [own, other])
        self.assertIn(stranger, self.manager.containers)

    async def test_what_goes_only_in_a_while_is_waited_for(self):
        ada = self.user("ada")
        self.manager.add("notebook-2001", {"Labels": {"imagegen.student": "ada"}})
        self.manager.stuck = 2
        await ada.spawn()
        self.assertEqual((self.manager.stuck, len(self.manager.containers)), (0, 1))

    async def test_a_class_starts_in_turn(self):
        answered = asyncio.Event()
        project.replace(self, spawner.ClassicNotebooks, check_version=lambda *_: answered.wait())
        starts = [asyncio.create_task(self.user(name).spawn()) for name in STUDENTS]
        await asyncio.sleep(2)
        self.assertEqual(len(self.manager.containers), 1)
        answered.set()
        await asyncio.gather(*starts)
        self.assertEqual(len(self.manager.containers), 2)

    async def test_a_start_that_takes_too_long_is_told_so_whatever_there_is_to_stop(self):
        ada = self.user("ada")
        with mock.patch.object(spawner.DockerSpawner, "start", lambda _: asyncio.sleep(60)):
            ada.spawner.options = {**ada.spawner.options, "start_seconds": 1}
            with self.assertRaises(SpawnException) as raised:
                await ada.spawn()
        self.assertIn("took too long", raised.exception.message)

    async def test_the_hub_takes_every_one_of_its_settings(self):
        own = self.user("ada").spawner
        self.assertIsInstance(own, spawner.ClassicNotebooks)
        self.assertEqual((own.mem_limit, own.port, own.own_address), (GIB, 8888, "127.0.0.1"))
        self.assertFalse(own.use_internal_ip)
        self.assertEqual(own.get_env()["NB_UID"], "2001")


class Spawn(Hub):
    async def test_a_server_starts_is_polled_ends_and_is_stopped(self):
        ada = self.user("ada")
        await ada.spawn()
        container = self.docker.services["notebook-2001"]["TaskTemplate"]["ContainerSpec"]
        self.assertEqual(container["Image"], IMAGE)
        self.assertEqual(container["Labels"], {"imagegen.student": "ada", "imagegen.workshop": "example-1"})
        self.assertLessEqual({"NB_USER=ada", "TZ=Europe/Berlin", "HOME=/home/ada"}, set(container["Env"]))
        self.assertTrue(any(each.startswith("JUPYTERHUB_API_TOKEN=") for each in container["Env"]))
        self.assertIsNone(await ada.spawner.poll())
        self.assertEqual(await ada.spawner.get_url(), f"http://127.0.0.1:{self.server.port}/user/ada/")
        self.docker.status = {"State": "failed", "Err": "task: non-zero exit (1)"}
        self.assertIn("The server of ada is failed", await ada.spawner.poll())
        self.docker.status = {"State": "running"}
        await ada.stop()
        self.assertEqual(self.docker.services, {})
        self.assertEqual(await ada.spawner.poll(), 0)

    async def test_a_swarm_that_is_busy_for_a_moment_ends_no_start(self):
        self.docker.busy = 3
        await self.user("ada").spawn()
        self.assertIn("notebook-2001", self.docker.services)
        self.assertEqual(self.docker.busy, 0)

    async def test_a_server_whose_machine_is_lost_while_it_starts_is_started_on_another_one(self):
        for state in ("starting", "running", "shutdown"):
            with self.subTest(state):
                self.docker.lost["notebook-2001"] = state
                ada = self.user("ada")
                await ada.spawn()
                self.assertEqual(self.docker.lost, {})
                self.assertIsNone(await ada.spawner.poll())
                await ada.stop()

    async def test_a_machine_that_is_lost_before_the_first_answer_ends_no_start(self):
        def answer(*_):
            if self.docker.calls.count("POST /services/create") == 1:
                self.docker.lost["notebook-2001"] = "shutdown"
                return 500, {}
            return 200, {}

        self.server.answer = answer
        ada = self.user("ada")
        await ada.spawn()
        self.assertEqual(self.docker.calls.count("POST /services/create"), 2)
        self.assertIsNone(await ada.spawner.poll())

    async def failure(self, name):
        """What a student reads whose server does not start."""
        with self.assertRaises(SpawnException) as raised:
            await self.user(name).spawn()
        self.assertEqual(self.docker.services, {})
        self.assertEqual(self.user(name).spawner.queue.waiting, [])
        return raised.exception.message

    async def test_who_gets_no_server_reads_why(self):
        self.server.headers["X-JupyterHub-Version"] = "4.1.0"
        self.assertIn("does not fit this hub", await self.failure("bob"))
        self.docker.nodes = []
        self.user("bob").spawner.patience = 0
        self.assertIn("No machine is ready", await self.failure("bob"))
        self.docker.nodes = None
        self.assertIn("cannot be reached at the moment", await self.failure("bob"))
        with mock.patch.object(account, "find", side_effect=KeyError):
            self.assertIn("You are not on the list", await self.failure("bob"))


def words(page):
    """What a page shows."""
    shown = re.sub(r"<(script|style|head|nav)\b.*?</\1>", " ", page, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub("<[^>]*>", " ", shown)).split())


class Browser(Hub):
    """The web server, on loopback, with a PAM that takes the password `right`, and browsers before it."""

    async def asyncSetUp(self):
        await super().asyncSetUp()
        pam = mock.patch.multiple("jupyterhub.auth.pamela", authenticate=self.authenticate, check_account=mock.Mock())
        pam.start()
        self.addCleanup(pam.stop)
        # As JupyterHub makes it.
        trusted = self.app.trusted_downstream_ips
        server = HTTPServer(self.app.tornado_application, xheaders=True, trusted_downstream=trusted)
        self.app.http_server = server
        server.listen(0, "127.0.0.1")
        self.addCleanup(server.stop)
        self.pool = concurrent.futures.ThreadPoolExecutor(64)
        self.addCleanup(self.pool.shutdown)
        self.url = f"http://127.0.0.1:{next(iter(server._sockets.values())).getsockname()[1]}"

    def authenticate(self, name, password, service, **_):
        self.assertEqual(service, "jupyterhub")
        if password != "right":
            raise pamela.PAMError("wrong")

    async def browse(self, name, password="right", path="workshop"):
        """A student logs in and opens a page: the organiser's, if nothing else is said."""
        return await asyncio.get_running_loop().run_in_executor(self.pool, self.visit, name, password, path)

    def browser(self, address="127.0.0.1", **headers):
        """One out of an address, that takes the proxy for the page and so knows no HTTPS."""

        class Connection(http.client.HTTPConnection):
            source = address, 0

            def __init__(self, *arguments, **options):
                super().__init__(*arguments, **options, source_address=self.source)

        class Connections(urllib.request.HTTPHandler):
            def http_open(self, request):
                return self.do_open(Connection, request)

        policy = http.cookiejar.DefaultCookiePolicy(secure_protocols=("http",))
        self.cookies = http.cookiejar.CookieJar(policy)
        found = urllib.request.build_opener(Connections, urllib.request.HTTPCookieProcessor(self.cookies))
        found.addheaders += headers.items()
        return found, self.cookies

    def log_in(self, name, password, browser=None):
        """Status and seconds of the answer to a password."""
        browser, cookies = browser or self.browser()
        browser.open(f"{self.url}/hub/login").close()
        xsrf = next(cookie.value for cookie in cookies if cookie.name == "_xsrf")
        form = {"username": name, "password": password, "_xsrf": xsrf}
        start = time.monotonic()
        try:
            with browser.open(f"{self.url}/hub/login?next=/hub/home", urllib.parse.urlencode(form).encode()) as answer:
                return answer.status, time.monotonic() - start
        except urllib.error.HTTPError as error:
            with error:
                return error.code, time.monotonic() - start

    def visit(self, name, password, path):
        browser = self.browser()
        status, _ = self.log_in(name, password, browser)
        if status != 200:
            return status, ""
        return self.load(browser[0], path)

    def load(self, browser, path):
        """Status and words of a page."""
        try:
            answer = browser.open(f"{self.url}/hub/{path}")
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            return answer.status, words(answer.read().decode())

    async def in_threads(self, function, *arguments):
        """Runs the function for each of the arguments, at once."""
        loop = asyncio.get_running_loop()
        return await asyncio.gather(*(loop.run_in_executor(self.pool, function, each) for each in arguments))


class Page(Browser):
    async def test_the_organiser_sees_machines_students_and_messages_and_students_do_not(self):
        project.replace(self, page, node_status=lambda: {"127.0.0.1 node-1": {"text": "This node has joined."}})
        await self.user("bob").spawn()
        status, text = await self.browse("ada")
        self.assertEqual(status, 200, text)
        self.assertIn("There is room for 7 more students.", text)
        self.assertIn("Room for Last message node-1 127.0.0.1 ready 2 4.0 GiB 1 7 This node has joined.", text)
        self.assertRegex(text, r"bob node-1 running \d\d:\d\d 100 MiB")
        self.assertIn(f"JupyterHub {jupyterhub.__version__}.", text)
        self.assertIn(os.environ["IMAGEGEN_METRICS_TOKEN"], text)
        self.assertEqual((await self.browse("bob"))[0], 403)
        self.assertEqual((await self.browse("ada", "wrong"))[0], 403)

    async def test_the_right_password_is_answered_at_once_whatever_others_try(self):
        project.replace(self, login_throttle, LONGEST_DELAY=8)
        flood = asyncio.create_task(self.in_threads(lambda _: self.log_in("bob", "wrong"), *range(60)))
        await asyncio.sleep(1.5)
        ((status, seconds),) = await self.in_threads(lambda _: self.log_in("bob", "right"), 0)
        self.assertEqual(status, 200)
        self.assertLess(seconds, 5)
        self.assertFalse(flood.done())
        self.assertEqual({status for status, _ in await flood}, {403})

    async def test_names_cannot_be_told_apart_by_time(self):
        def tries(name):
            return [self.log_in(name, "wrong") for _ in range(5)]

        known, unknown, of_machine = await self.in_threads(tries, "bob", "nobody", "root")
        for others in (unknown, of_machine):
            for (status, seconds), (other_status, other_seconds) in zip(known, others, strict=True):
                self.assertEqual(status, other_status)
                self.assertAlmostEqual(seconds, other_seconds, delta=0.5)

    async def test_every_cookie_is_for_https_and_this_site_alone(self):
        await self.in_threads(lambda _: self.log_in("ada", "right"), 0)
        self.assertGreaterEqual({cookie.name for cookie in self.cookies}, {"_xsrf", "jupyterhub-session-id"})
        for cookie in self.cookies:
            self.assertTrue(cookie.secure, cookie)
            self.assertEqual(cookie.get_nonstandard_attr("SameSite"), "Lax", cookie)
        await self.user("bob").spawn()
        environment = self.docker.services["notebook-2002"]["TaskTemplate"]["ContainerSpec"]["Env"]
        options = next(each for each in environment if each.startswith("JUPYTERHUB_COOKIE_OPTIONS="))
        self.assertEqual(json.loads(options.partition("=")[2]), {"secure": True, "samesite": "Lax"})

    async def test_a_large_request_is_refused_before_it_takes_memory(self):
        def post(size):
            request = f"POST /hub/login HTTP/1.1\r\nHost: hub\r\nContent-Length: {size}\r\n\r\n".encode()
            place = urllib.parse.urlsplit(self.url)
            with socket.create_connection((place.hostname, place.port), 2) as line:
                line.sendall(request)
                try:
                    return line.recv(100)
                except TimeoutError:
                    return b"waits for the body"

        large, usual = await self.in_threads(post, 95 * 2**20, 2**20)
        self.assertTrue(large.startswith(b"HTTP/1.1 4"), large)
        self.assertEqual(usual, b"waits for the body")

    async def test_only_the_proxy_says_for_whom_it_asks(self):
        heard = []

        async def authenticate(handler, _):
            heard.append((handler.request.remote_ip, handler.request.protocol))

        project.replace(self, self.app.authenticator, authenticate=authenticate)
        forged = {"X-Real-Ip": "192.0.2.66", "X-Scheme": "gopher", "X-Forwarded-Proto": "https"}
        for peer, wanted in (("127.0.0.1", ("203.0.113.9", "https")), ("127.0.0.2", ("127.0.0.2", "http"))):
            browser = self.browser(peer, **forged, **{"X-Forwarded-For": "203.0.113.9"})
            await self.in_threads(lambda each: self.log_in("bob", "wrong", each), browser)
            self.assertEqual(heard.pop(), wanted)

    async def test_students_read_what_they_store_and_organisers_what_all_do(self):
        self.assertNotIn("Your home holds", (await self.browse("bob", path="home"))[1])
        with tempfile.NamedTemporaryFile("w") as file:
            json.dump({"limit": 2 * 10**9, "used": {"ada": 10**6, "bob": 120 * 10**6}}, file)
            file.flush()
            project.replace(self, usage, USAGE=file.name)
            self.assertIn("Your home holds 120 MB of 2.0 GB.", (await self.browse("bob", path="home"))[1])
            await self.user("bob").spawn()
            self.assertRegex((await self.browse("ada"))[1], r"bob node-1 running \d\d:\d\d 100 MiB 120 MB of 2.0 GB")


class Culler(Browser):
    """The real culler, with its settings but for the hub's address."""

    async def cull(self, minutes):
        """Runs it until it has ended a server."""
        ended = asyncio.Event()
        # There is no proxy whose route could go.
        self.app.proxy.delete_user = mock.AsyncMock(side_effect=lambda *_: ended.set())
        command = [*culler.command("127.0.0.1", minutes)[:-1], f"--url={self.url}/hub/api"]
        running = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.DEVNULL)
        try:
            async with asyncio.timeout(60):
                await ended.wait()
                while any(user.spawner.pending for user in self.app.users.values()):
                    await asyncio.sleep(0.1)
        finally:
            running.terminate()
            await running.wait()

    async def test_it_ends_the_servers_that_nobody_uses_and_no_others(self):
        for name in STUDENTS:
            await self.user(name).spawn()
        self.user("bob").spawner.orm_spawner.last_activity -= datetime.timedelta(minutes=130)
        self.app.db.commit()
        await self.cull(120)
        self.assertEqual(list(self.docker.services), ["notebook-2001"])

    async def test_its_token_is_good_for_nothing_else(self):
        def ask(path, data=None):
            browser, _ = self.browser(Authorization=f"token {os.environ['JUPYTERHUB_API_TOKEN']}")
            try:
                with browser.open(f"{self.url}/hub/{path}", data) as answer:
                    return answer.status
            except urllib.error.HTTPError as error:
                with error:
                    return error.code

        requests = [("api/users",), ("api/users/bob/server", b"{}"), ("api/users/bob/tokens", b"{}"), ("metrics",)]
        statuses = await self.in_threads(lambda each: ask(*each), *requests)
        self.assertEqual(statuses[0], 200)
        self.assertTrue({403, 404}.issuperset(statuses[1:]), statuses)


if __name__ == "__main__":
    unittest.main()
