import os
import ssl
import stat
import tempfile
import threading
import unittest
from unittest import mock

import project
from imagegen.hub import announce_ready, culler, homes, passwords, setup


class Shares(unittest.TestCase):
    def test_notebooks_on_the_hub_find_a_share_below_a_folder_that_is_not_there(self):
        with tempfile.TemporaryDirectory() as root:
            for _ in range(2):
                homes.make_shares([[f"{root}/srv/course", False]], {f"{root}/data/course": f"{root}/srv/course"})
                self.assertEqual(os.readlink(f"{root}/data/course"), f"{root}/srv/course")
                self.assertEqual(os.listdir(f"{root}/data/course"), [])

    def test_all_write_to_a_new_folder_that_is_writable_and_one_that_was_there_stays_as_it_was(self):
        with tempfile.TemporaryDirectory() as root:
            os.mkdir(f"{root}/there", 0o750)
            shares = [["there", True], ["deep/results", True], ["data", False]]
            homes.make_shares([[f"{root}/{name}", writable] for name, writable in shares], {})
            names = ("there", "deep", "deep/results", "data")
            modes = {name: stat.S_IMODE(os.stat(f"{root}/{name}").st_mode) for name in names}
            self.assertEqual(modes["there"], 0o750)
            self.assertEqual(modes["deep/results"], 0o1777)
            for name in ("deep", "data"):
                self.assertFalse(modes[name] & stat.S_IWOTH, name)


class Exports(unittest.TestCase):
    def test_on_an_ordinary_image_homes_are_written_and_shares_read_and_nothing_beside_them(self):
        text = homes.exports("10.0.0.0/24", "/srv/homes", [["/srv/data", False], ["/srv/out", True]])
        self.assertEqual(
            text.splitlines(),
            [
                "/srv/homes 10.0.0.0/24(rw,sync,root_squash,subtree_check)",
                "/srv/data 10.0.0.0/24(ro,sync,root_squash,subtree_check)",
                "/srv/out 10.0.0.0/24(rw,sync,root_squash,subtree_check)",
            ],
        )


class Passwords(unittest.TestCase):
    def test_they_are_the_ones_on_the_cards(self):
        # The tests of `Secrets::password` have the same vectors.
        seed = "2c0vfgK0nY1AlNzIJWd92ApaRgZkMCOHHRK_jxt_Bms"
        self.assertEqual(passwords.generated(seed, "training", "ada"), "qh9r-zh7a-ka3s")
        self.assertEqual(passwords.generated(seed, "galaxy-2026", "ada"), "piuq-sjg6-zm2e")

    def test_hashes_that_people_brought_are_found_by_name(self):
        with tempfile.NamedTemporaryFile("w") as file:
            file.write("ada:$6$salt$hash\nbob:$y$j9T$a:b\n")
            file.flush()
            self.assertEqual(passwords.brought(file.name), {"ada": "$6$salt$hash", "bob": "$y$j9T$a:b"})
        self.assertEqual(passwords.brought("/nonexistent"), {})


class Setup(unittest.TestCase):
    def test_without_a_domain_the_workshops_certificate_is_for_every_name(self):
        text = setup.caddyfile({"domain": None, "email": None})
        self.assertIn("https:// {", text)
        self.assertIn("redir https://{host}{uri} permanent", text)

    def test_with_a_domain_caddy_gets_the_certificate(self):
        text = setup.caddyfile({"domain": "w.example.org", "email": "ada@example.org"})
        self.assertIn("w.example.org {", text)
        self.assertIn("email ada@example.org", text)
        self.assertNotIn("CREDENTIALS", text)

    def test_nobody_writes_another_address_into_the_hubs_journal(self):
        for domain in None, "w.example.org":
            text = setup.caddyfile({"domain": domain, "email": None})
            self.assertIn("reverse_proxy 127.0.0.1:8000 {\n\t\theader_up -X-Real-Ip\n\t}\n}\n", text)


class Culler(unittest.TestCase):
    def test_it_looks_ten_times_in_the_idle_time_and_once_a_minute_at_most(self):
        for minutes, every in ((120, 720), (10, 60), (3, 60)):
            command = culler.command("10.0.0.5", minutes)
            wanted = [f"--timeout={minutes * 60}", f"--cull-every={every}", "--url=http://10.0.0.5:8081/hub/api"]
            self.assertEqual(command[3:], wanted)

    def test_it_becomes_the_culler_when_the_hub_answers(self):
        config = {"page": {"notebooks": {"idle_minutes": 120}}}
        done = []

        def settings(path):
            done.append(path)
            return config

        project.replace(self, culler, settings=settings, find_interface=lambda _: mock.Mock(ip="10.0.0.5"))
        project.replace(self, culler.hub_port, wait_until_it_listens=done.append)
        project.replace(self, os, execv=lambda path, command: done.append(command[1:3]))
        with mock.patch.dict(os.environ, {"CREDENTIALS_DIRECTORY": "/run/credentials"}):
            culler.main()
        self.assertEqual(done, ["/run/credentials/settings", "10.0.0.5", ["-m", "jupyterhub_idle_culler"]])


class Ready(unittest.TestCase):
    ALERT = b"\x15\x03\x03\x00\x02\x02\x50"  # What Caddy answers where it has no certificate (RFC 8446, section 6).

    def setUp(self):
        self.now, self.said = 0, []
        clock = mock.Mock(monotonic=lambda: self.now, sleep=self.sleep)
        project.replace(self, announce_ready, announce=self.said.append, time=clock)

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

        with mock.patch.object(announce_ready, "is_open", is_open):
            announce_ready.wait_until_open(domain or "10.0.0.5", domain)
        return self.said

    def test_a_name_without_a_certificate_is_told_once_with_what_to_look_at(self):
        said = self.waits(900, ssl.SSLError(), "w.example.org")
        advice = "does the name lead here, and are TCP 80 and 443 open to the world?"
        self.assertEqual(said, [f"https://w.example.org/ has no certificate yet: {advice}"])

    def test_a_certificate_may_take_its_time(self):
        self.assertEqual(self.waits(100, ssl.SSLError(), "w.example.org"), [])

    def test_what_is_no_matter_of_certificates_is_not_taken_for_one(self):
        self.assertEqual(self.waits(900, False, "w.example.org"), [])
        self.assertEqual(self.waits(900, ssl.SSLError(), None), [])

    def test_a_server_without_a_certificate_is_told_from_one_that_does_not_listen(self):
        socket = announce_ready.socket
        with socket.create_server(("127.0.0.1", 0)) as server:
            place = server.getsockname()
            connect = socket.create_connection

            def answer():
                line, _ = server.accept()
                with line:
                    line.recv(65536)
                    line.sendall(self.ALERT)

            with mock.patch.object(socket, "create_connection", lambda _, seconds: connect(place, seconds)):
                answering = threading.Thread(target=answer)
                answering.start()
                with self.assertRaises(ssl.SSLError):
                    announce_ready.is_open("w.example.org")
                answering.join()
                server.close()
                self.assertFalse(announce_ready.is_open("w.example.org"))


if __name__ == "__main__":
    unittest.main()
