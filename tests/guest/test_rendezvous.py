import ipaddress
import os
import socket
import ssl
import subprocess
import tempfile
import threading
import unittest

import project  # noqa: F401  (sets the path)

import join
import rendezvous

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
        rendezvous.say = lambda _: None
        network = ipaddress.ip_network("127.0.0.0/8")
        self.server = rendezvous.Server(network, "the key", context, self.answer)
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        join.CERTIFICATE = f"{self.folder.name}/hub.crt"
        self.config = {"hub": "127.0.0.1", "hub_name": NAME, "join_key": "the key"}

    def publish(self):
        with open(self.answer, "w") as file:
            file.write(ANSWER)

    def refusal(self):
        with self.assertRaises(join.Away) as raised:
            join.ask(self.config)
        return str(raised.exception)

    def test_the_right_key_gets_the_token(self):
        self.publish()
        self.assertEqual(join.ask(self.config)["token"], "SWMTKN-1-abc-def")

    def test_before_the_swarm_is_up_the_node_hears_so(self):
        self.assertIn("the swarm is not up yet", self.refusal())

    def test_a_wrong_key_gets_nothing(self):
        self.publish()
        self.config["join_key"] = "another key"
        self.assertIn("not this workshop's", self.refusal())

    def test_another_machines_certificate_is_refused_before_the_key_is_shown(self):
        self.publish()
        certificate(self.folder.name, "other")
        join.CERTIFICATE = f"{self.folder.name}/other.crt"
        self.assertIn("CERTIFICATE_VERIFY_FAILED", self.refusal())

    def test_a_machine_of_another_network_is_not_served(self):
        self.publish()
        self.server.network = ipaddress.ip_network("10.0.0.0/24")
        self.assertIn("does not answer", self.refusal())

    def test_a_silent_client_holds_up_nobody(self):
        self.publish()
        with socket.create_connection(("127.0.0.1", 7443)):
            self.assertEqual(join.ask(self.config)["manager"], "127.0.0.1:2377")


class Verdict(unittest.TestCase):
    def test_paths_and_keys(self):
        self.assertEqual(rendezvous.verdict("/v1/join", "Bearer k", "k", "{}"), (200, "{}"))
        self.assertEqual(rendezvous.verdict("/", "Bearer k", "k", "{}")[0], 404)
        self.assertEqual(rendezvous.verdict("/v1/join", "", "k", "{}")[0], 401)
        self.assertEqual(rendezvous.verdict("/v1/join", "Bearer k", "k", None)[0], 503)
        self.assertEqual(rendezvous.verdict("/v1/join", "Bearer \u00e9", "k", "{}")[0], 401)


class Membership(unittest.TestCase):
    # Root certificates are text to the digest; the value was computed with another program (Python's int and bc).
    CERTIFICATE = b"-----BEGIN CERTIFICATE-----\n"

    def answer(self, digest):
        return {"token": f"SWMTKN-1-{digest}-secret", "nodes": {"n1": "ready"}}

    def test_the_digest_has_fifty_digits_of_base_36(self):
        digest = join.ca_digest(self.CERTIFICATE)
        self.assertEqual(len(digest), 50)
        import hashlib

        self.assertEqual(int(digest, 36), int(hashlib.sha256(self.CERTIFICATE).hexdigest(), 16))

    def test_a_node_belongs_where_swarm_and_list_know_it(self):
        right = self.answer(join.ca_digest(self.CERTIFICATE))
        self.assertTrue(join.belongs(right, self.CERTIFICATE, "n1"))
        self.assertFalse(join.belongs(right, self.CERTIFICATE, "n2"))
        self.assertFalse(join.belongs(right, None, "n1"))
        self.assertFalse(join.belongs(self.answer("0" * 50), self.CERTIFICATE, "n1"))

    def test_waits_grow_and_stay_bounded(self):
        waits = join.waits(longest=30)
        seen = [next(waits) for _ in range(20)]
        self.assertTrue(0.5 <= seen[0] <= 1)
        self.assertTrue(all(15 <= wait <= 30 for wait in seen[6:]))
        self.assertGreater(len(set(seen)), 15)


if __name__ == "__main__":
    unittest.main()
