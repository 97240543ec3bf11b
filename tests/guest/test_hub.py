import os
import ssl
import stat
import tempfile
import threading
import unittest
from unittest import mock

import project
from imagegen.hub import announce_ready, culler, homes, passwords, web
from imagegen.hub.web import Certificate


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


class Web(unittest.TestCase):
    HUB = "10.0.0.5:8081"

    def caddyfile(self, **settings):
        settings = {"domain": None, "email": None, **settings}
        return web.caddyfile(settings, self.HUB, web.certificate_of(settings))

    def test_without_a_domain_the_workshops_certificate_is_for_every_name(self):
        text = self.caddyfile()
        self.assertIn("https:// {", text)
        self.assertIn("redir https://{host}{uri} permanent", text)

    def test_with_a_domain_caddy_gets_the_certificate(self):
        text = self.caddyfile(domain="w.example.org", email="ada@example.org")
        self.assertIn("w.example.org {", text)
        self.assertIn("email ada@example.org", text)
        self.assertNotIn("CREDENTIALS", text)

    def test_a_certificate_of_the_organisers_own_is_shown_and_none_asked_for(self):
        text = self.caddyfile(domain="w.example.org", certificate=True)
        self.assertIn("https:// {\n\ttls {$CREDENTIALS_DIRECTORY}/certificate", text)
        self.assertIn("Strict-Transport-Security", text)

    def test_only_the_gate_leads_to_students_servers(self):
        for settings in {}, {"domain": "w.example.org"}:
            text = self.caddyfile(**settings)
            servers, others = text.split("route @server")[1].split("@large", 1)
            self.assertLess(servers.index("forward_auth 10.0.0.5:8081"), servers.index("reverse_proxy 127.0.0.1:8000"))
            self.assertNotIn("8000", others)

    def test_with_host_names_the_hub_is_at_its_own_name_only(self):
        text = self.caddyfile(domain="w.example.org", subdomains=True)
        self.assertIn("host *.w.example.org", text)
        self.assertIn("@elsewhere not host w.example.org\n", text)
        self.assertNotIn("forward_auth", text)

    def test_nobody_says_for_the_hub_who_asks_and_how(self):
        for claim in "X-Real-Ip", "X-Scheme", "Forwarded":
            self.assertIn(f"request_header -{claim}\n", self.caddyfile())


class Culler(unittest.TestCase):
    def test_it_looks_ten_times_in_the_idle_time_and_once_a_minute_at_most(self):
        for minutes, every in ((120, 720), (10, 60), (3, 60)):
            command = culler.command("10.0.0.5", minutes)
            wanted = [f"--timeout={minutes * 60}", f"--cull-every={every}", "--url=http://10.0.0.5:8081/hub/api"]
            self.assertEqual(command[4:], wanted)

    def test_it_becomes_the_culler_when_the_hub_answers(self):
        config = {"page": {"notebooks": {"idle_minutes": 120}}}
        done = []

        def settings(path):
            done.append(path)
            return config

        project.replace(self, culler, settings=settings, find_interface=lambda _: mock.Mock(ip="10.0.0.5"))
        project.replace(self, culler.hub_port, wait_until_it_listens=done.append)
        project.replace(self, os, execv=lambda path, command: done.append(command[1:4]))
        with mock.patch.dict(os.environ, {"CREDENTIALS_DIRECTORY": "/run/credentials"}):
            culler.main()
        self.assertEqual(done, ["/run/credentials/settings", "10.0.0.5", ["-I", "-m", "jupyterhub_idle_culler"]])


class Ready(unittest.TestCase):
    ALERT = b"\x15\x03\x03\x00\x02\x02\x50"  # What Caddy answers where it has no certificate (RFC 8446, section 6).

    def setUp(self):
        self.now, self.said, self.shown = 0, [], []
        clock = mock.Mock(monotonic=lambda: self.now, sleep=self.sleep)
        project.replace(self, announce_ready, announce=self.said.append, show=self.shown.append, time=clock)

    def sleep(self, seconds):
        self.now += seconds

    def waits(self, seconds, closed, wanted):
        """While the page is closed in that way; then it opens, or shows the workshop's own certificate."""

        def is_open(name):
            if self.now >= seconds or self.shown:
                return True
            if isinstance(closed, Exception):
                raise closed
            return closed

        with mock.patch.object(announce_ready, "is_open", is_open):
            shown = announce_ready.wait_until_open("w.example.org", wanted)
        self.assertEqual(self.shown, [Certificate.MEANWHILE] if shown is not wanted else [])
        return self.said

    def test_a_page_without_a_certificate_shows_the_workshops_and_it_is_told_what_to_look_at(self):
        said = self.waits(900, ssl.SSLError(), Certificate.ACME)
        advice = "does the name point here, and are TCP 80 and 443 open to the world?"
        meanwhile = "Until it has one, it shows the workshop's own, and browsers warn of it."
        self.assertEqual(said, [f"https://w.example.org/ has no certificate yet: {advice} {meanwhile}"])
        self.assertLess(self.now, 130)

    def test_a_certificate_may_take_its_time(self):
        self.assertEqual(self.waits(100, ssl.SSLError(), Certificate.ACME), [])

    def test_what_is_no_matter_of_certificates_is_not_taken_for_one(self):
        self.assertEqual(self.waits(900, False, Certificate.ACME), [])
        self.assertEqual(self.waits(900, ssl.SSLError(), Certificate.FILE), [])

    def test_a_certificate_that_comes_later_takes_the_place_of_the_workshops(self):
        with tempfile.TemporaryDirectory() as folder:
            project.replace(self, announce_ready, GIVEN=f"{folder}/*/{{0}}/{{0}}.crt")
            project.replace(self, announce_ready.time, sleep=lambda _: self.give(f"{folder}/acme/w.example.org"))
            announce_ready.wait_for_certificate("w.example.org")
        self.assertEqual(self.shown, [Certificate.ACME])
        self.assertEqual(self.said, ["https://w.example.org/ has its certificate now."])

    def give(self, folder):
        os.makedirs(folder)
        with open(f"{folder}/w.example.org.crt", "w"):
            pass

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
