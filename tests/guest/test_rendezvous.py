import asyncio
import base64
import contextlib
import hashlib
import ipaddress
import json
import os
import pathlib
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from typing import ClassVar

import project
import unpack
from imagegen import status, users
from imagegen.hub import door, enrolment, exchange, messages, rendezvous, visits
from imagegen.node import hub, leave

ANSWER = '{"manager": "127.0.0.1:2377", "nodes": {"n1": "ready"}, "token": "SWMTKN-1-abc-def"}'
NAME = "hub.imagegen.internal"


def certificate(folder, name):
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
        + ["-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}"]
        + ["-keyout", f"{folder}/{name}.key", "-out", f"{folder}/{name}.crt"],
        check=True,
        stderr=subprocess.DEVNULL,
    )


class Asking(unittest.TestCase):
    """The hub's server and the node's question, over real TLS on loopback."""

    config: ClassVar = {"join_key": "the key", "page": {}}

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        certificate(self.folder.name, "hub")
        self.answer = f"{self.folder.name}/join.json"
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(f"{self.folder.name}/hub.crt", f"{self.folder.name}/hub.key")
        self.said = []
        project.replace(self, rendezvous, PORT=0)
        project.replace(self, visits, say=self.said.append)
        network = ipaddress.ip_network("127.0.0.0/8")
        self.start("127.0.0.1", network, dict(self.config), context, self.folder.name)
        self.node = {"hub": "127.0.0.1", "hub_certificate": self.pin("hub"), "join_key": "the key"}

    def start(self, *arguments):
        self.server = messages.Server(*arguments)
        self.port = self.server.listener.getsockname()[1]
        started = threading.Event()

        async def run():
            self.loop, self.task = asyncio.get_running_loop(), asyncio.current_task()
            started.set()
            with contextlib.suppress(asyncio.CancelledError):
                await self.server.run()

        def stop():
            # A connection that comes while everything ends is no matter of the test.
            self.loop.call_soon_threadsafe(self.loop.set_exception_handler, lambda *_: None)
            self.loop.call_soon_threadsafe(self.task.cancel)
            thread.join()
            self.server.listener.close()

        thread = threading.Thread(target=asyncio.run, args=[run()])
        thread.start()
        self.assertTrue(started.wait(10))
        self.addCleanup(stop)

    def pin(self, name):
        with open(f"{self.folder.name}/{name}.crt") as file:
            return hashlib.sha256(ssl.PEM_cert_to_DER_cert(file.read())).hexdigest()

    def publish(self):
        with open(self.answer, "w") as file:
            file.write(ANSWER)

    def ask(self, key="the key"):
        return hub.Hub({**self.node, "join_key": key}, self.port).join_info()

    def refusal(self, key="the key"):
        with self.assertRaises(hub.HubUnavailable) as raised:
            self.ask(key)
        return str(raised.exception)

    def enrolled(self):
        return os.listdir(f"{self.folder.name}/enrolled")

    def connect(self, address="127.0.0.1"):
        """A connection out of an address, which the test holds."""
        line = socket.create_connection(("127.0.0.1", self.port), 10, (address, 0))
        self.addCleanup(line.close)
        return line

    def encrypted(self, address="127.0.0.1"):
        line = hub.unverified().wrap_socket(self.connect(address))
        self.addCleanup(line.close)
        return line

    def rest(self, line):
        """What comes until the other side ends."""
        found = b""
        with contextlib.suppress(OSError):
            while part := line.recv(65536):
                found += part
        return found

    def soon(self, condition):
        """Waits until something is so."""
        for _ in range(200):
            if condition():
                return True
            time.sleep(0.05)
        return False


class Rendezvous(Asking):
    def test_the_right_key_gets_the_token(self):
        self.publish()
        self.assertEqual(self.ask()["token"], "SWMTKN-1-abc-def")

    def test_the_last_message_of_a_node_is_noted_for_the_organiser(self):
        self.publish()
        project.replace(self, status, announce=lambda _: None)
        project.replace(self, status._Status, text="")
        status.report("It has joined\nat last.")
        self.ask()
        self.server.look()
        with open(f"{self.folder.name}/node-status.json") as file:
            self.assertEqual(json.load(file)[f"127.0.0.1 {socket.gethostname()}"]["text"], "It has joined at last.")

    def test_messages_of_any_number_of_names_are_bounded(self):
        project.replace(self, messages, MOST=3)
        for number in range(5):
            head = {"x-imagegen-status": f"node-{number} is here"}
            self.server.hear(door.Request("127.0.0.1", "GET", "/v1/join", head))
        self.assertEqual(list(self.server.messages), [f"127.0.0.1 node-{number}" for number in (2, 3, 4)])

    def test_before_the_swarm_is_up_the_node_hears_so(self):
        self.assertIn("the swarm is not up yet", self.refusal())

    def test_a_wrong_key_gets_nothing_and_is_told_once_a_minute(self):
        self.publish()
        for _ in range(3):
            self.assertIn("not this workshop's", self.refusal("another key"))
        self.assertEqual(self.said, ["127.0.0.1 showed a wrong key."])
        self.assertEqual(self.enrolled(), [])

    def test_another_machines_certificate_is_refused_before_the_key_is_shown(self):
        self.publish()
        certificate(self.folder.name, "other")
        self.node["hub_certificate"] = self.pin("other")
        self.node.update(workshop="training", workshop_id="MWK5G7KG")
        said = []
        project.replace(self, status, announce=said.append)
        for _ in range(2):
            reason = self.refusal()
            self.assertIn("127.0.0.1 is not the hub of the workshop training (MWK5G7KG)", reason)
            status.report(reason)
        self.assertEqual(said, [reason, reason], "the organiser has to do something, and may look late")

    def test_a_machine_of_another_network_is_not_served(self):
        self.publish()
        self.server.network = ipaddress.ip_network("10.0.0.0/24")
        self.assertIn("does not answer", self.refusal())

    def test_what_is_no_request_gets_nothing_and_ends_nothing(self):
        self.publish()
        for said in (b"\r\n\r\n", b"GET\r\n\r\n", b"\xff\xfe / HTTP/1.1 x\r\n\r\n", b"GET /v1/join SSH\r\n\r\n"):
            line = self.encrypted()
            line.sendall(said)
            self.assertEqual(self.rest(line), b"", said)
        plain = self.connect()
        plain.sendall(b"GET /v1/join HTTP/1.1\r\n\r\n")
        self.rest(plain)
        self.assertEqual(self.ask()["manager"], "127.0.0.1:2377")
        self.assertEqual(self.said[0], "127.0.0.1 broke off.")

    def test_names_of_headers_are_read_in_any_case(self):
        self.publish()
        line = self.encrypted()
        line.sendall(b"GET /v1/join HTTP/1.1\r\naUTHORIZATION:Bearer the key\r\n\r\n")
        self.assertIn(ANSWER.encode(), self.rest(line))

    def test_an_ordinary_node_fetches_the_programs_that_it_lacks(self):
        fetch_programs(self)


class Enrolled(Asking):
    """Which machines the homes are for."""

    def test_a_node_is_enrolled_from_its_first_question_until_it_leaves(self):
        self.assertIn("not up yet", self.refusal())
        self.assertEqual(self.enrolled(), ["127.0.0.1"])
        project.replace(self, leave, settings=lambda: self.node, Hub=lambda config: hub.Hub(config, self.port))
        leave.main()
        self.assertEqual(self.enrolled(), [])
        self.assertEqual(self.said, ["127.0.0.1 showed the key and is enrolled."])
        leave.main()
        self.assertEqual(self.enrolled(), [])

    def test_nobody_leaves_for_somebody_else_or_without_the_key(self):
        self.refusal()
        for key in ("another key", ""):
            with self.assertRaises(hub.HubUnavailable):
                hub.Hub({**self.node, "join_key": key}, self.port).ask("DELETE", "/v1/join")
        line = self.encrypted("127.0.0.2")
        line.sendall(b"DELETE /v1/join HTTP/1.1\r\nAuthorization: Bearer the key\r\n\r\n")
        self.assertIn(b" 200 ", self.rest(line))
        self.assertEqual(self.enrolled(), ["127.0.0.1"])

    def test_a_node_without_a_hub_that_knows_it_shuts_down_all_the_same(self):
        said = []
        project.replace(self, leave, settings=lambda: {**self.node, "join_key": "another"}, say=said.append)
        project.replace(self, leave, Hub=lambda config: hub.Hub(config, self.port))
        leave.main()
        self.assertIn("not this workshop's", said[0])


class Enrolment(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder, self.now = folder.name, 0.0

    def enrolment(self):
        return enrolment.Enrolment(self.folder, lambda: self.now)

    def files(self):
        return sorted(os.listdir(f"{self.folder}/enrolled"))

    def test_who_asks_every_minute_stays_and_who_is_silent_goes(self):
        own = self.enrolment()
        self.assertEqual([own.enrol("10.0.0.7"), own.enrol("10.0.0.8"), own.enrol("10.0.0.8")], [True, True, False])
        for self.now in range(0, 2 * enrolment.SILENCE, 60):
            own.enrol("10.0.0.7")
            gone = own.dismiss_silent()
            self.assertEqual(gone, ["10.0.0.8"] if enrolment.SILENCE < self.now <= enrolment.SILENCE + 60 else [])
        self.assertEqual(self.files(), ["10.0.0.7"])

    def test_a_rendezvous_that_starts_again_knows_them(self):
        self.enrolment().enrol("10.0.0.7")
        with open(f"{self.folder}/enrolled/notes", "w"):
            pass
        self.now = 1000.0
        again = self.enrolment()
        self.assertEqual(again.dismiss_silent(), [])
        self.now += enrolment.SILENCE + 1
        self.assertEqual(again.dismiss_silent(), ["10.0.0.7"])
        self.assertEqual(self.files(), ["notes"])

    def test_a_file_that_somebody_took_away_is_no_trouble(self):
        own = self.enrolment()
        own.enrol("10.0.0.7")
        os.remove(f"{self.folder}/enrolled/10.0.0.7")
        self.assertTrue(own.dismiss("10.0.0.7"))
        self.assertFalse(own.dismiss("10.0.0.7"))

    def test_their_number_is_bounded(self):
        project.replace(self, enrolment, MOST=2)
        own = self.enrolment()
        self.assertEqual([own.enrol(f"10.0.0.{number}") for number in (7, 8, 9, 7)], [True, True, False, False])
        self.assertEqual(self.files(), ["10.0.0.7", "10.0.0.8"])


class Limits(Asking):
    """Clients that take their time or come in numbers."""

    def setUp(self):
        super().setUp()
        self.publish()

    def test_silent_clients_hold_up_nobody(self):
        for number in range(1, 40):
            self.connect(f"127.0.1.{number}")
        self.assertEqual(self.ask()["manager"], "127.0.0.1:2377")

    def test_a_request_has_a_deadline_however_steadily_it_comes(self):
        project.replace(self, door, DEADLINE=1)
        line, start = self.encrypted(), time.monotonic()
        line.settimeout(0.2)
        with self.assertRaises(OSError):
            for _ in range(50):
                line.sendall(b"a")
                with contextlib.suppress(TimeoutError):
                    if not line.recv(1):
                        raise OSError
        self.assertLess(time.monotonic() - start, 5)
        self.assertEqual(self.said, ["127.0.0.1 was too slow."])

    def test_slow_sessions_make_room_once_others_wait(self):
        project.replace(self, door, SESSIONS=3, PATIENCE=0.3, DEADLINE=60)
        slow = [self.encrypted(f"127.0.1.{number}") for number in range(1, 4)]
        self.assertTrue(self.soon(lambda: len(self.server.sessions) == 3))
        self.assertEqual(self.ask()["manager"], "127.0.0.1:2377")
        self.assertEqual(self.rest(slow[0]), b"")
        self.assertEqual(self.said[0], "127.0.1.1 was too slow.")

    def test_an_address_has_a_few_sessions_and_leaves_the_others_alone(self):
        for _ in range(door.SESSIONS_EACH):
            self.encrypted("127.0.0.9")
        self.assertTrue(self.soon(lambda: len(self.server.sessions) == door.SESSIONS_EACH))
        with self.assertRaises(OSError):
            self.encrypted("127.0.0.9")
        self.assertEqual(self.said, ["127.0.0.9 had too many connections at once."])
        self.assertEqual(self.ask()["manager"], "127.0.0.1:2377")

    def test_no_more_is_read_than_a_request_may_have(self):
        line = self.encrypted()
        with contextlib.suppress(OSError):
            line.sendall(b"GET /v1/join HTTP/1.1\r\nX: " + b"a" * door.LONGEST)
            line.sendall(b"a" * 2**20)
        self.assertEqual(self.rest(line), b"")
        self.assertTrue(self.soon(lambda: self.said == ["127.0.0.1 broke off."]))

    def test_the_kernel_keeps_a_thousand_that_wait(self):
        listen = subprocess.run(["ss", "-lntH", f"sport = :{self.port}"], check=True, capture_output=True, text=True)
        most = int(pathlib.Path("/proc/sys/net/core/somaxconn").read_text())
        self.assertEqual(int(listen.stdout.split()[2]), min(door.BACKLOG, most))


class Crowd(unittest.TestCase):
    def test_a_thousand_nodes_are_answered_beside_slow_clients_in_little_memory(self):
        """A machine that has much else to do may be too slow to play all of them, and has more tries."""
        for _ in range(3):
            answered, memory, table = self.measure(1000, 200)
            self.assertLessEqual(memory, 100, table)
            if answered == "1000/1000":
                return
        self.fail(table)

    def measure(self, nodes, slow):
        bench = os.path.join(project.PROJECT, ".ci/rendezvous")
        command = [sys.executable, bench, "--nodes", str(nodes), "--slow", str(slow)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        _, _, answered, *_, memory = done.stdout.splitlines()[-1].split()
        return answered, int(memory), done.stdout


class Visits(unittest.TestCase):
    def setUp(self):
        self.now, self.said = 0.0, []
        project.replace(self, visits, say=self.said.append)
        self.visits = visits.Visits(lambda: self.now)

    def test_an_address_has_one_line_in_each_minute_and_nothing_is_lost(self):
        lines = []
        for tenth in range(1800):
            self.now, before = tenth / 10, len(self.said)
            self.visits.note("10.0.0.9", "broke off")
            if tenth == 5:
                self.visits.note("10.0.0.9", "showed a wrong key")
            self.visits.tell()
            lines += [self.now] * (len(self.said) - before)
        self.assertEqual(lines, [0, 60, 120])
        self.assertEqual(self.said[0], "10.0.0.9 broke off.")
        self.assertEqual(self.said[1], "10.0.0.9, since then: broke off (600), showed a wrong key (1).")

    def test_who_has_gone_is_forgotten(self):
        self.visits.note("10.0.0.9", "broke off")
        self.now = 61
        self.visits.tell()
        self.assertEqual((self.visits.counted, len(self.said)), ({}, 1))

    def test_lines_are_bounded_however_many_addresses_there_are(self):
        project.replace(self, visits, MOST=2)
        for number in range(50):
            self.visits.note(f"10.0.0.{number}", "broke off")
        self.assertEqual(len(self.said), 3)


class Short(Asking):
    """The server of an ordinary hub."""

    config: ClassVar = {"join_key": "the key"}

    def start(self, *arguments):
        self.server = rendezvous.Server(*arguments)
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.port = self.server.server_address[1]


class Ordinary(Short):
    def test_the_right_key_gets_the_token_and_no_other(self):
        self.assertIn("the swarm is not up yet", self.refusal())
        self.publish()
        self.assertEqual(self.ask()["token"], "SWMTKN-1-abc-def")
        self.assertIn("not this workshop's", self.refusal("another key"))

    def test_a_silent_client_holds_up_nobody(self):
        self.publish()
        self.connect()
        self.assertEqual(self.ask()["manager"], "127.0.0.1:2377")

    def test_a_machine_of_another_network_is_not_served(self):
        self.publish()
        self.server.network = ipaddress.ip_network("10.0.0.0/24")
        self.assertIn("does not answer", self.refusal())


class Bringing(Short):
    """Hub and nodes bring each other what the user-data had no room for."""

    config: ClassVar = {"join_key": "the key", "users_sha256": ""}

    TABLE = "1815\tada\n2001\ts{01..30}\n"

    def bring(self, table, key="the key"):
        """What a node's table does to a hub that waits for one."""
        self.server.config["users_sha256"] = exchange.digest(self.TABLE)
        path = f"{self.folder.name}/table"
        with open(path, "w") as file:
            file.write(table)
        project.replace(self, hub, TABLE=path)
        return self.refusal(key)

    def test_a_node_brings_the_table_that_the_hub_waits_for(self):
        names = " ".join(f"s{number:02}" for number in range(1, 31))
        dense = f"1815\tada\n+2001\t{'0' * 30}\t0{'1' * 29}\t{names}\n"
        self.assertIn("waits for the table of users", self.bring(dense))
        self.assertIn("the swarm is not up yet", self.refusal())
        place = f"{self.folder.name}/users.placed"
        exchange.wait_for_table(self.server.config, f"{self.folder.name}/users", place)
        self.assertEqual(users.table(place).users["s30"], users.User(2030, 2030))

    def test_another_table_is_refused(self):
        self.assertIn("not this workshop's table", self.bring(self.TABLE.replace("ada", "eve")))
        self.assertFalse(os.path.exists(f"{self.folder.name}/users"))
        self.assertIn("not this workshop's table", self.bring("no table"))

    def test_who_has_not_the_key_brings_nothing(self):
        self.node["join_key"] = "another key"
        self.assertIn("not this workshop's", self.bring(self.TABLE, "another key"))
        self.assertFalse(os.path.exists(f"{self.folder.name}/users"))

    def test_an_ordinary_node_fetches_the_programs_that_it_lacks(self):
        fetch_programs(self)


def fetch_programs(test):
    """What an ordinary node without its programs does."""
    project.replace(test, exchange, SHARED=(f"{project.LIBRARY}/imagegen/*.py",))
    program = pathlib.Path(project.PROJECT, "userdata/stock/fetch.py").read_text().split("while True:")[0]
    fetch = {}
    exec(program, fetch)
    files = unpack.archived(base64.b85decode(fetch["fetch"](test.node, test.port)))
    test.assertIn(f"{project.LIBRARY}/imagegen/accounts.py", files)
    test.assertNotIn(f"{project.LIBRARY}/imagegen/hub/swarm.py", files)


class Verdict(unittest.TestCase):
    def test_paths_and_keys(self):
        self.assertEqual(rendezvous.verdict("/v1/join", "Bearer k", "k", "{}"), (200, "{}"))
        self.assertEqual(rendezvous.verdict("/", "Bearer k", "k", "{}")[0], 404)
        self.assertEqual(rendezvous.verdict("/v1/join", "", "k", "{}")[0], 401)
        self.assertEqual(rendezvous.verdict("/v1/join", "Bearer k", "k", None)[0], 503)
        self.assertEqual(rendezvous.verdict("/v1/join", "Bearer \u00e9", "k", "{}")[0], 401)


if __name__ == "__main__":
    unittest.main()
