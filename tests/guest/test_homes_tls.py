"""Certificates for NFS over TLS, made by the real openssl(1): what the hub keeps, and what a node gets."""

import contextlib
import json
import os
import ssl
import stat
import time
import unittest
from unittest import mock

import project
from imagegen import homes_tls
from imagegen.hub import exports, homes_authority
from imagegen.node import swarm
from imagegen.node.hub import Hub, HubUnavailable
from test_rendezvous import Asking


class Homes(project.Folder):
    """A hub and a node whose files are in folders of the test."""

    def setUp(self):
        super().setUp()
        self.started = []
        run = mock.Mock(run=lambda command, check: self.started.append(command))
        project.replace(self, homes_tls, FOLDER=f"{self.root}/tls", subprocess=run, HOSTS=self.write("hosts"))
        project.replace(self, homes_authority, OFFERED=f"{self.root}/offered")

    def prepare(self):
        """What nodes are to get of a hub that starts."""
        return json.loads(homes_authority.prepare(self.root))


class Authority(Homes):
    def test_hub_and_nodes_know_each_other_by_one_authority(self):
        node = self.prepare()
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(f"{self.root}/tls/certificate.pem", f"{self.root}/tls/key.pem")
        server.load_verify_locations(f"{self.root}/tls/authority.pem")
        server.verify_mode = ssl.CERT_REQUIRED
        client = ssl.create_default_context(cadata=node["authority"])
        client.load_cert_chain(self.write("node.crt", node["certificate"]), self.write("node.key", node["key"]))
        self.assertEqual(self.shake_hands(server, client), "imagegen-node")
        client.load_verify_locations(cadata=self.read("tls/authority.pem"))
        with self.assertRaises(ssl.SSLCertVerificationError):
            self.shake_hands(server, client, "another-hub")

    def shake_hands(self, server, client, name=homes_tls.HUB):
        """As whom the server sees a client that looks for a hub of this name."""
        to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
        one = client.wrap_bio(to_client, to_server, server_hostname=name)
        other = server.wrap_bio(to_server, to_client, server_side=True)
        for side in (one, other, one, other):
            with contextlib.suppress(ssl.SSLWantReadError):
                side.do_handshake()
        subject = dict(pair for part in other.getpeercert()["subject"] for pair in part)
        return subject["commonName"]

    def test_the_authority_outlives_a_start_and_certificates_are_new(self):
        before, after = self.prepare(), self.prepare()
        self.assertEqual(before["authority"], after["authority"])
        self.assertNotEqual(before["certificate"], after["certificate"])

    def test_files_are_for_root_alone_and_the_handshakes_are_done(self):
        self.prepare()
        modes = [stat.S_IMODE(os.stat(f"{self.root}/tls/{name}").st_mode) for name in (".", "key.pem")]
        self.assertEqual(modes, [0o700, 0o600])
        self.assertEqual(self.started, [["systemctl", "start", "tlshd.service"]])

    def test_certificates_hold_for_a_node_whose_clock_is_behind_and_for_a_year(self):
        self.prepare()
        details = ssl._ssl._test_decode_cert(f"{self.root}/tls/certificate.pem")
        begin, end = (ssl.cert_time_to_seconds(details[key]) - time.time() for key in ("notBefore", "notAfter"))
        self.assertLess(begin, -6 * 86400)
        self.assertGreater(end, 350 * 86400)

    def test_what_an_earlier_start_offered_is_taken_back(self):
        self.write("offered", "old")
        self.prepare()
        self.assertFalse(os.path.exists(f"{self.root}/offered"))

    def test_openssl_is_heard_when_it_fails(self):
        with self.assertRaisesRegex(OSError, "openssl req: .*"):
            homes_authority.openssl("req", "-in", f"{self.root}/nothing")

    def test_an_unfinished_authority_is_made_anew(self):
        with mock.patch.object(homes_authority, "certify", side_effect=KeyboardInterrupt):
            with self.assertRaises(KeyboardInterrupt):
                self.prepare()
        self.assertIn("BEGIN CERTIFICATE", self.prepare()["authority"])


class Node(Homes):
    def test_it_waits_for_the_hub_and_finds_it_by_name(self):
        project.replace(self, homes_tls, time=mock.Mock(), report=mock.Mock())
        identity = self.prepare()
        answers = [HubUnavailable("the hub answers: not yet"), json.dumps(identity).encode()]
        asked = mock.Mock(address="10.0.0.5", ask=mock.Mock(side_effect=answers))
        homes_tls.wait(asked)
        homes_tls.report.assert_called_once_with("Waiting for the hub: the hub answers: not yet.")
        self.assertEqual(self.read("hosts"), "10.0.0.5 imagegen-hub\n")
        self.assertEqual(self.read("tls/key.pem"), identity["key"])

    def test_the_hub_has_one_address_whatever_was_there(self):
        self.write("hosts", "127.0.0.1 localhost\n10.0.0.123 imagegen-hub\n::1 ip6-localhost")
        for _ in range(2):
            homes_tls.name_hub("10.0.0.5")
            self.assertEqual(self.read("hosts"), "127.0.0.1 localhost\n::1 ip6-localhost\n10.0.0.5 imagegen-hub\n")

    def test_it_follows_a_hub_with_another_authority(self):
        config = {"homes_tls": True, "hub": "10.0.0.5"}
        asked = mock.Mock(**{"join_info.return_value": {"nodes": {}}})
        project.replace(self, swarm, DOUBTS=2, docker=self.docker, time=mock.Mock(monotonic=float), report=mock.Mock())
        with mock.patch.multiple(homes_tls, wait=mock.DEFAULT, fetch=mock.DEFAULT) as calls:
            swarm.Swarm(config).stay(asked)
        self.assertEqual((calls["wait"].call_count, calls["fetch"].call_count), (1, 2))

    def docker(self, *_):
        return {"Swarm": {"LocalNodeState": "active", "NodeID": "n1"}}


class Exported(unittest.TestCase):
    def test_only_who_shows_a_certificate_mounts(self):
        with mock.patch.object(exports, "mount_point", lambda folder: folder):
            config = {"homes": "/home", "homes_tls": True, "shares": [["/srv/data", False]]}
            text = exports.render(config, ["10.0.0.7/32"])
        self.assertEqual([",xprtsec=mtls " in line for line in text.splitlines()], [True, True])


class Offered(Asking):
    """The question of a node for its certificate."""

    def test_it_is_given_to_who_has_the_key_once_it_is_there(self):
        asked = Hub(self.node, self.port)
        with self.assertRaisesRegex(HubUnavailable, "no certificates for homes yet"):
            asked.ask("GET", "/v1/homes")
        with mock.patch.object(homes_authority, "OFFERED", f"{self.folder.name}/homes.json"):
            homes_authority.offer('{"key": "a key"}')
        self.assertEqual(asked.ask("GET", "/v1/homes"), b'{"key": "a key"}')
        with self.assertRaisesRegex(HubUnavailable, "not this workshop's"):
            Hub({**self.node, "join_key": "another"}, self.port).ask("GET", "/v1/homes")
