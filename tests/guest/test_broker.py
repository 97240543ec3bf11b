"""What the broker passes on to Docker, and what it does not. `.ci/docker-guards` tries the same on a real dockerd."""

import copy
import json
import socket
import threading
import time
import unittest
import urllib.parse

import project
from imagegen import users
from imagegen.hub import broker, broker_policy, broker_request
from imagegen.hub.broker_policy import Call, Refusal, Rules, recognised
from imagegen.jupyter.account import Account
from samples import IMAGE, OPTIONS, account, node, service

RULES = Rules("example-1", OPTIONS, lambda name: account("ada") if name == "ada" else None)


def asked(**options):
    """What docker-py sends for a student's server, without the broker's label."""
    made = service(**options)
    made["task_template"]["ContainerSpec"]["Env"] = sorted(
        [*made["task_template"]["ContainerSpec"]["Env"], "JUPYTERHUB_API_TOKEN=secret"]
    )
    made["task_template"]["ContainerSpec"]["Env"].remove("A=b")
    return json.loads(json.dumps(broker_policy.request(made)))


class Creation(unittest.TestCase):
    def judged(self, body, rules=RULES):
        return broker_policy.to_create(copy.deepcopy(body), {IMAGE}, rules)

    def test_the_service_of_a_student_is_made_with_the_workshops_label(self):
        made = self.judged(asked())
        self.assertEqual(made["Labels"], {"imagegen.student": "ada", "imagegen.workshop": "example-1"})
        container = made["TaskTemplate"]["ContainerSpec"]
        self.assertEqual((container["User"], container["CapabilityDrop"]), ("2001:2001", ["ALL"]))
        self.assertIn("JUPYTERHUB_API_TOKEN=secret", container["Env"])
        self.assertIn("IMAGEGEN_NODE={{.Node.Hostname}}", container["Env"])

    def test_anything_else_is_refused(self):
        def container(**values):
            return lambda body: body["TaskTemplate"]["ContainerSpec"].update(values)

        def task(**values):
            return lambda body: body["TaskTemplate"].update(values)

        def mount(**values):
            return lambda body: body["TaskTemplate"]["ContainerSpec"]["Mounts"].append({"Type": "bind", **values})

        def first_mount(**values):
            return lambda body: body["TaskTemplate"]["ContainerSpec"]["Mounts"][0].update(values)

        def environment(pair):
            return lambda body: body["TaskTemplate"]["ContainerSpec"]["Env"].append(pair)

        root = {"Source": "/", "Target": "/host"}
        cases = {
            "root": container(User="0:0"),
            "root by name": container(User="root"),
            "no user": lambda body: body["TaskTemplate"]["ContainerSpec"].pop("User"),
            "another student": container(User="2002:2002"),
            "the group of Docker": container(Groups=["3000", "100", "101"]),
            "groups in another order": container(Groups=["100", "3000"]),
            "the whole machine": mount(**root),
            "Docker's socket": mount(Source="/run/docker.sock", Target="/run/docker.sock"),
            "another home": first_mount(Source="/home/bob"),
            "dots in a path": first_mount(Source="/home/ada/../.."),
            "shared propagation": first_mount(BindOptions={"Propagation": "rshared"}),
            "a volume": mount(Type="volume", Source="x", Target="/x"),
            "a writable list of accounts": lambda body: body["TaskTemplate"]["ContainerSpec"]["Mounts"][3].pop(
                "ReadOnly"
            ),
            "1 in place of true": lambda body: body["TaskTemplate"]["ContainerSpec"]["Mounts"][3].update(ReadOnly=1),
            "capabilities": container(CapabilityAdd=["SYS_ADMIN"]),
            "capabilities kept": container(CapabilityDrop=[]),
            "new privileges": container(Privileges={"NoNewPrivileges": False}),
            "no seccomp": container(Privileges={"NoNewPrivileges": True, "Seccomp": {"Mode": "unconfined"}}),
            "no AppArmor": container(Privileges={"NoNewPrivileges": True, "AppArmor": {"Mode": "disabled"}}),
            "a credential": container(Privileges={"NoNewPrivileges": True, "CredentialSpec": {"File": "x"}}),
            "sysctls": container(Sysctls={"kernel.core_pattern": "|/x"}),
            "ulimits": container(Ulimits=[{"Name": "nproc", "Hard": -1, "Soft": -1}]),
            "secrets": container(Secrets=[{"SecretID": "x", "SecretName": "x"}]),
            "configs": container(Configs=[{"ConfigID": "x", "ConfigName": "x"}]),
            "another host name": container(Hostname="{{.Node.ID}}"),
            "hosts": container(Hosts=["10.0.0.5 x"]),
            "isolation": container(Isolation="hyperv"),
            "an image of nobody": container(Image="debian:13"),
            "an image of another digest": container(Image=IMAGE[:-1] + "2"),
            "another program": container(Args=["sh", "-c", "id"]),
            "a command before the program": container(Command=["sh"]),
            "a number among the words": container(Args=["jupyterhub-singleuser", 1]),
            "no words": container(Args=None),
            "a template": environment("JUPYTERHUB_USER={{.Service.Name}}"),
            "a variable of the linker": environment("LD_PRELOAD=/home/ada/x.so"),
            "a path": environment("PATH=/home/ada"),
            "a variable with a line break": environment("JUPYTERHUB_X\n=1"),
            "a variable without a name": environment("=x"),
            "no text": environment(["JUPYTERHUB_USER"]),
            "a NUL": environment("JUPYTERHUB_USER=\0"),
            "the host's network": task(Networks=[{"Target": "host"}]),
            "a plugin": task(Runtime="plugin", PluginSpec={"Remote": "x"}),
            "no limit": task(Resources={}),
            "more memory": lambda body: body["TaskTemplate"]["Resources"]["Limits"].update(MemoryBytes=2**40),
            "a fraction": lambda body: body["TaskTemplate"]["Resources"]["Limits"].update(Pids=512.0),
            "another place": task(Placement={"Constraints": ["node.role==manager"]}),
            "a restart": task(RestartPolicy={"Condition": "any"}),
            "a log driver": task(LogDriver={"Name": "syslog"}),
            "another port": lambda body: body["EndpointSpec"]["Ports"][0].update(TargetPort=22),
            "a chosen port": lambda body: body["EndpointSpec"]["Ports"][0].update(PublishedPort=443),
            "a port of all machines": lambda body: body["EndpointSpec"]["Ports"][0].update(PublishMode="ingress"),
            "no ports": lambda body: body.pop("EndpointSpec"),
            "on all machines": lambda body: body.update(Mode={"Global": {}}),
            "a network": lambda body: body.update(Networks=[{"Target": "host"}]),
            "another name": lambda body: body.update(Name="notebook-2002"),
            "for bob": lambda body: body["Labels"].update({"imagegen.student": "bob"}),
            "for nobody": lambda body: body.pop("Labels"),
            "for a list": lambda body: body["Labels"].update({"imagegen.student": ["ada"]}),
            "one more label": lambda body: body["Labels"].update({"com.docker.stack.namespace": "x"}),
            "a key in small letters": lambda body: body.update(taskTemplate=body["TaskTemplate"]),
            "no task": lambda body: body.update(TaskTemplate=None),
            "no container": task(ContainerSpec=[]),
        }
        for name, change in cases.items():
            with self.subTest(name), self.assertRaises(Refusal):
                body = asked()
                change(body)
                self.judged(body)

    def test_accounts_of_the_system_get_no_server(self):
        for own in (
            Account("root", 0, 0, (), "/home/root"),
            Account("daemon", 1, 1, (), "/home/daemon"),
            Account("ada", 2001, 0, (), "/home/ada"),
            Account("ada", 2001, 2001, (0,), "/home/ada"),
        ):
            with self.assertRaisesRegex(Refusal, "of the system"):
                self.judged(asked(), RULES._replace(find=lambda _, own=own: own))

    def test_accounts_of_the_machine_that_are_not_of_the_workshop_are_not_found(self):
        project.replace(self, broker, table=lambda: users.Table({"root": users.User(7, 7)}, {}))
        self.assertIsNone(broker.find("root"))
        self.assertIsNone(broker.find("daemon"))
        self.assertIsNone(broker.find("\0"))

    def test_bodies_that_are_no_service_are_refused(self):
        for body in (b"", b"[]", b"null", b"{", b"\xff", b"[" * 100_000):
            with self.assertRaises(Refusal):
                broker_policy.decoded(body)

    def test_a_machine_names_images_by_their_digest_alone(self):
        nodes = [node(), node(image="debian:13"), node(image=None), node(image=f"--x@{IMAGE.partition('@')[2]}")]
        self.assertEqual(broker_policy.images(nodes, OPTIONS), {IMAGE})
        self.assertEqual(broker_policy.images(nodes, {**OPTIONS, "image": "x:1"}), {"x:1"})


class Calls(unittest.TestCase):
    def test_those_of_the_spawner_and_the_page_are_known(self):
        def filters(**asked):
            return urllib.parse.urlencode({"filters": json.dumps(asked)})

        for method, target, kind, about in (
            ("GET", "/version", "version", ""),
            ("GET", "/v1.45/nodes", "nodes", ""),
            ("GET", "/v1.45/nodes/" + "a1" * 12 + "b", "node", "a1" * 12 + "b"),
            ("GET", "/v1.45/tasks", "tasks", ""),
            ("GET", "/v1.45/services/notebook-2001", "service", "notebook-2001"),
            ("GET", "/v1.45/services/notebook-of-nobody", "service", "notebook-of-nobody"),
            ("DELETE", "/v1.45/services/notebook-2001", "remove", "notebook-2001"),
            ("POST", "/v1.45/services/create", "create", ""),
        ):
            self.assertEqual(recognised(method, target), Call(kind, about))
        for asked_for in ({"service": ["notebook-2001"]}, {"name": ["notebook-2001."]}):
            wanted = Call("tasks", filters(**asked_for))
            self.assertEqual(recognised("GET", f"/v1.45/tasks?{filters(**asked_for)}"), wanted)

    def test_no_other_one_is(self):
        for method, target in (
            ("GET", "/swarm"),
            ("GET", "/v1.45/swarm/unlockkey"),
            ("GET", "/info"),
            ("GET", "/containers/json"),
            ("POST", "/containers/create"),
            ("POST", "/containers/x/exec"),
            ("POST", "/exec/x/start"),
            ("POST", "/services/notebook-2001/update"),
            ("GET", "/services/notebook-2001/logs?stdout=1"),
            ("GET", "/services"),
            ("GET", "/services/notebook-2001?insertDefaults=1"),
            ("DELETE", "/services/other"),
            ("DELETE", "/services/" + "a" * 25),
            ("DELETE", "/services/notebook-2001?x"),
            ("GET", "/services/notebook-2001/"),
            ("GET", "//services/notebook-2001"),
            ("GET", "/services//notebook-2001"),
            ("GET", "/services/notebook-2001/../../swarm"),
            ("GET", "/services/notebook-2001%2f..%2f..%2fswarm"),
            ("GET", "/services/%6eotebook-2001"),
            ("GET", "/%73warm"),
            ("GET", "/v1.45/v1.45/nodes"),
            ("GET", "/v1.45/../swarm"),
            ("GET", "/v2.45/nodes"),
            ("GET", "/nodes/self"),
            ("GET", "/nodes?filters={}"),
            ("GET", "http://localhost/version"),
            ("GET", "/version\n"),
            ("GET", "/version#"),
            ("POST", "/services/create?x=1"),
            ("POST", "/nodes"),
            ("DELETE", "/nodes/" + "a" * 25),
            ("HEAD", "/version"),
            ("GET", "/tasks?filters={}&filters={}"),
            ("GET", "/tasks?filters=x"),
            ("GET", "/tasks?filters=[]"),
            ("GET", "/tasks?filters={}"),
            ("GET", "/tasks?filters=" + "[" * 5000),
            ("GET", "/tasks?limit=1"),
            ("GET", '/tasks?filters={"service":["other"]}'),
            ("GET", '/tasks?filters={"service":["notebook-1","other"]}'),
            ("GET", '/tasks?filters={"service":"n"}'),
            ("GET", '/tasks?filters={"service":[["notebook-1"]]}'),
            ("GET", '/tasks?filters={"node":["self"]}'),
        ):
            with self.subTest(target[:80]), self.assertRaises(Refusal):
                recognised(method, target)


class Requests(unittest.TestCase):
    def read(self, *parts, patience=5.0, close=False):
        ours, theirs = socket.socketpair()
        with ours, theirs:
            sender = threading.Thread(target=lambda: [theirs.sendall(part) for part in parts])
            sender.start()
            if close:
                sender.join()
                theirs.shutdown(socket.SHUT_WR)
            try:
                return broker_request.read(ours, patience)
            finally:
                ours.shutdown(socket.SHUT_RDWR)
                sender.join()

    def test_a_request_comes_whole_or_in_parts(self):
        head = b"POST /services/create HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\n"
        for parts in ([head + b"null"], [head[:20], head[20:], b"nu", b"ll"]):
            self.assertEqual(self.read(*parts), ("POST", "/services/create", b"null"))
        self.assertEqual(self.read(b"GET /version HTTP/1.1\r\n\r\n"), ("GET", "/version", b""))

    def test_what_two_programs_could_read_in_two_ways_is_refused(self):
        line = b"POST /services/create HTTP/1.1\r\n"
        for text in (
            line + b"Content-Length: 4\r\nContent-Length: 4\r\n\r\nnull",
            line + b"Content-Length: 4\r\ncontent-length: 0\r\n\r\nnull",
            line + b"Content-Length: 4, 4\r\n\r\nnull",
            line + b"Content-Length: +4\r\n\r\nnull",
            line + b"Content-Length: 0x4\r\n\r\nnull",
            line + b"Content-Length: 04\r\n\r\nnull",
            line + b"Content-Length: -1\r\n\r\n",
            line + b"Content-Length:\r\n\r\n",
            line + b"Content-Length: 99999999\r\n\r\n",
            line + b"Content-Length: 300000\r\n\r\n",
            line + b"Transfer-Encoding: chunked\r\n\r\n4\r\nnull\r\n0\r\n\r\n",
            line + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\nnull",
            line + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
            line + b"Host: x\r\n Transfer-Encoding: chunked\r\n\r\n",
            line + b"Host: x\nTransfer-Encoding: chunked\r\n\r\n",
            line + b"Host: x\r\nX: a\0b\r\n\r\n",
            line + b"Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n",
            line + b"Expect: 100-continue\r\nContent-Length: 4\r\n\r\nnull",
            line + b"Content-Length: 4\r\n\r\nnullGET /swarm HTTP/1.1\r\n\r\n",
            b"GET /version HTTP/1.1\r\n\r\nGET /swarm HTTP/1.1\r\n\r\n",
            b"GET /version HTTP/1.0\r\n\r\n",
            b"GET /version HTTP/1.1 \r\n\r\n",
            b"GET  /version HTTP/1.1\r\n\r\n",
            b"GET\t/version HTTP/1.1\r\n\r\n",
            b"get /version HTTP/1.1\r\n\r\n",
            b"GET /ver\xffsion HTTP/1.1\r\n\r\n",
            b"GET http://localhost/version HTTP/1.1\r\n\r\n",
            b"CONNECT /version HTTP/1.1\r\n\r\n",
            b"\r\nGET /version HTTP/1.1\r\n\r\n",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            b"GET /version HTTP/1.1\r\nX: " + b"x" * 9000 + b"\r\n\r\n",
            b"GET /version HTTP/1.1\r\n" + b"".join(b"X-%d: x\r\n" % number for number in range(2000)) + b"\r\n",
        ):
            with self.subTest(text[:120]), self.assertRaises(broker_request.Malformed):
                self.read(text)

    def test_a_slow_client_is_sent_away_in_time(self):
        begun = time.monotonic()
        with self.assertRaisesRegex(broker_request.Malformed, "too long"):
            self.read(b"GET /version HTTP/1.1\r\n", patience=0.2)
        self.assertLess(time.monotonic() - begun, 2)
        with self.assertRaisesRegex(broker_request.Malformed, "not complete"):
            self.read(b"GET /version HTTP/1.1\r\n", close=True)


class Answers(unittest.TestCase):
    """The whole broker, with a function for Docker."""

    def setUp(self):
        self.calls = []
        labels = {"imagegen.student": "ada", "imagegen.workshop": "example-1"}
        self.services = {"notebook-2001": labels, "notebook-2002": {"imagegen.student": "bob"}}
        project.replace(self, broker, docker=self.docker)

    def docker(self, method, path, body=None):
        self.calls.append(f"{method} {path}")
        if path == "/version":
            return {"ApiVersion": "1.45", "KernelVersion": "6.12", "GoVersion": "go1.24"}
        if path == "/nodes":
            return [{**node(), "Description": {**node()["Description"], "TLSInfo": {"TrustRoot": "secret"}}}]
        if path.startswith("/tasks"):
            return [
                {"ID": name, "Spec": {"ContainerSpec": {"Env": ["secret"], "Labels": labels}}}
                for name, labels in self.services.items()
            ]
        name = path.rpartition("/")[2]
        if method == "GET":
            spec = {"Labels": self.services[name], "TaskTemplate": {"ContainerSpec": {"Env": ["secret"]}}}
            return {"ID": name.replace("-", "").ljust(25, "0"), "Spec": spec}
        return {"ID": "x", "Warnings": ["secret"]} if body else None

    def ask(self, text):
        ours, client = socket.socketpair()
        with ours, client:
            client.sendall(text)
            broker.serve(ours, broker.Broker(RULES))
            ours.shutdown(socket.SHUT_WR)
            answer = b"".join(iter(lambda: client.recv(65536), b""))
        head, _, body = answer.partition(b"\r\n\r\n")
        return int(head.split()[1]), json.loads(body) if body else None

    def test_answers_tell_what_the_spawner_needs_and_nothing_else(self):
        self.assertEqual(self.ask(b"GET /version HTTP/1.1\r\n\r\n"), (200, {"ApiVersion": "1.45"}))
        for target in (b"/nodes", b"/tasks", b"/services/notebook-2001"):
            status, value = self.ask(b"GET %s HTTP/1.1\r\n\r\n" % target)
            self.assertEqual(status, 200)
            self.assertNotIn("secret", json.dumps(value))
        self.assertEqual([task["ID"] for task in self.ask(b"GET /tasks HTTP/1.1\r\n\r\n")[1]], ["notebook-2001"])

    def test_services_of_others_are_not_there(self):
        for method in (b"GET", b"DELETE"):
            self.assertEqual(self.ask(method + b" /services/notebook-2002 HTTP/1.1\r\n\r\n")[0], 404)
        self.assertEqual(self.ask(b"DELETE /services/notebook-2001 HTTP/1.1\r\n\r\n"), (200, None))
        self.assertEqual(self.calls[-1], "DELETE /services/notebook2001".ljust(42, "0"))
        self.assertFalse(any("DELETE" in call for call in self.calls[:-1]))

    def test_refusals_reach_docker_in_no_form(self):
        self.assertEqual(self.ask(b"GET /swarm HTTP/1.1\r\n\r\n")[0], 403)
        self.assertEqual(self.ask(b"GET /version HTTP/1.1\r\n\r\nGET /swarm HTTP/1.1\r\n\r\n")[0], 400)
        body = json.dumps({**asked(), "Mode": {"Global": {}}}).encode()
        head = b"POST /services/create HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body)
        self.assertEqual(self.ask(head + body)[0], 403)
        self.assertFalse(any("swarm" in call or "create" in call for call in self.calls))
        body = json.dumps(asked()).encode()
        head = b"POST /services/create HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body)
        self.assertEqual(self.ask(head + body), (201, {"ID": "x"}))


if __name__ == "__main__":
    unittest.main()
