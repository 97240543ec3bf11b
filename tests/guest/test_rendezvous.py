import base64
import hashlib
import ipaddress
import json
import os
import pathlib
import socket
import ssl
import subprocess
import tempfile
import threading
import unittest
from unittest import mock

import project
import unpack
from imagegen import status, users
from imagegen.hub import exchange, messages, rendezvous
from imagegen.node import hub

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


class Rendezvous(unittest.TestCase):
    """The hub's server and the node's question, over real TLS on loopback."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        certificate(self.folder.name, "hub")
        self.answer = f"{self.folder.name}/join.json"
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(f"{self.folder.name}/hub.crt", f"{self.folder.name}/hub.key")
        project.replace(self, rendezvous, say=lambda _: None, PORT=0)
        project.replace(self, messages, say=lambda _: None)
        project.replace(self, messages.Handler, messages={})
        network = ipaddress.ip_network("127.0.0.0/8")
        self.server = rendezvous.Server(
            "127.0.0.1", network, {"join_key": "the key", "page": {}}, context, self.folder.name
        )
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.port = self.server.server_address[1]
        self.config = {"hub": "127.0.0.1", "hub_certificate": self.pin("hub"), "join_key": "the key"}

    def pin(self, name):
        with open(f"{self.folder.name}/{name}.crt") as file:
            return hashlib.sha256(ssl.PEM_cert_to_DER_cert(file.read())).hexdigest()

    def publish(self):
        with open(self.answer, "w") as file:
            file.write(ANSWER)

    def test_messages_that_come_at_once_do_not_get_in_each_others_way(self):
        failures = []
        with mock.patch("threading.excepthook", failures.append):
            said = [f"node-{number} is here" for number in range(100)]
            request = mock.Mock(messages={}, client_address=("10.0.0.7", 1), server=self.server)
            threads = [threading.Thread(target=messages.Handler.note, args=(request, text)) for text in said]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        self.assertEqual(failures, [])
        with open(f"{self.folder.name}/node-status.json") as file:
            self.assertIn({"text": "is here", "at": mock.ANY}, json.load(file).values())

    def ask(self):
        return hub.Hub(self.config, self.port).join_info()

    def refusal(self):
        with self.assertRaises(hub.HubUnavailable) as raised:
            self.ask()
        return str(raised.exception)

    def test_the_right_key_gets_the_token(self):
        self.publish()
        self.assertEqual(self.ask()["token"], "SWMTKN-1-abc-def")

    def test_the_last_message_of_a_node_is_noted_for_the_organiser(self):
        self.publish()
        project.replace(self, status, announce=lambda _: None)
        project.replace(self, status._Status, text="")
        status.report("It has joined\nat last.")
        self.ask()
        with open(f"{self.folder.name}/node-status.json") as file:
            self.assertEqual(json.load(file)[f"127.0.0.1 {socket.gethostname()}"]["text"], "It has joined at last.")

    def test_before_the_swarm_is_up_the_node_hears_so(self):
        self.assertIn("the swarm is not up yet", self.refusal())

    def test_a_wrong_key_gets_nothing(self):
        self.publish()
        self.config["join_key"] = "another key"
        self.assertIn("not this workshop's", self.refusal())

    def test_another_machines_certificate_is_refused_before_the_key_is_shown(self):
        self.publish()
        certificate(self.folder.name, "other")
        self.config["hub_certificate"] = self.pin("other")
        self.config.update(workshop="training", workshop_id="MWK5G7KG")
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

    def test_a_silent_client_holds_up_nobody(self):
        self.publish()
        with socket.create_connection(("127.0.0.1", self.port)):
            self.assertEqual(self.ask()["manager"], "127.0.0.1:2377")

    TABLE = "1815\tada\n2001\ts{01..30}\n"

    def bring(self, table):
        """What a node's table does to a hub that waits for one."""
        self.server.config["users_sha256"] = exchange.digest(self.TABLE)
        path = f"{self.folder.name}/table"
        with open(path, "w") as file:
            file.write(table)
        project.replace(self, hub, TABLE=path)
        return self.refusal()

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
        self.config["join_key"] = "another key"
        self.assertIn("not this workshop's", self.bring(self.TABLE))
        self.assertFalse(os.path.exists(f"{self.folder.name}/users"))

    def test_an_ordinary_node_fetches_the_programs_that_it_lacks(self):
        project.replace(self, exchange, SHARED=(f"{project.LIBRARY}/imagegen/*.py",))
        program = pathlib.Path(project.PROJECT, "userdata/stock/fetch.py").read_text().split("while True:")[0]
        fetch = {}
        exec(program, fetch)
        packed = fetch["fetch"](self.config, self.port)
        files = unpack.archived(base64.b85decode(packed))
        self.assertIn(f"{project.LIBRARY}/imagegen/accounts.py", files)
        self.assertNotIn(f"{project.LIBRARY}/imagegen/hub/swarm.py", files)


class Verdict(unittest.TestCase):
    def test_paths_and_keys(self):
        self.assertEqual(rendezvous.verdict("/v1/join", "Bearer k", "k", "{}"), (200, "{}"))
        self.assertEqual(rendezvous.verdict("/", "Bearer k", "k", "{}")[0], 404)
        self.assertEqual(rendezvous.verdict("/v1/join", "", "k", "{}")[0], 401)
        self.assertEqual(rendezvous.verdict("/v1/join", "Bearer k", "k", None)[0], 503)
        self.assertEqual(rendezvous.verdict("/v1/join", "Bearer \u00e9", "k", "{}")[0], 401)


if __name__ == "__main__":
    unittest.main()
