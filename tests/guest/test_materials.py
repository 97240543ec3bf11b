import base64
import contextlib
import hashlib
import http.server
import io
import json
import os
import pathlib
import shutil
import stat
import subprocess
import tarfile
import tempfile
import threading
import unittest
import urllib.parse
from typing import ClassVar
from unittest import mock

import project
from imagegen.hub import fetch, materials, unprivileged
from imagegen.hub.source import Source, shown
from imagegen.users import Table, User


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
        paths = [os.path.join(inner, name) for inner, folders, files in os.walk(folder) for name in folders + files]
        states = {os.path.relpath(path, folder): os.lstat(path) for path in [folder, *paths]}
        return {path: (oct(state.st_mode), int(state.st_mtime)) for path, state in states.items()}

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
            own = User(os.getuid(), os.getgid())
            users = {"ada": own, "bob": own, "eve": own}
            for name in ("ada", "eve"):
                os.makedirs(f"{folder}/home/{name}")
            material = {"name": "course", "into": "homes"}
            said = []
            names = {"KEPT": f"{folder}/kept", "announce": said.append, "table": lambda: Table(users, {})}
            with mock.patch.multiple(materials, **names):
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
            find = ["find", f"{folder}/home", "-printf", "%U:%G\n"]
            owners = subprocess.run(find, check=True, capture_output=True, text=True)
            self.assertEqual(set(owners.stdout.split()), {"2001:2002"})

            def swapped(command, run=subprocess.run, **options):
                if command[0] == "tar":
                    os.rename(f"{folder}/home/.more.unfinished", f"{folder}/home/away")
                    os.symlink(f"{folder}/others", f"{folder}/home/.more.unfinished")
                return run(command, **options)

            with mock.patch.object(materials.subprocess, "run", swapped):
                with self.assertRaises(subprocess.CalledProcessError):
                    materials.copy(kept, f"{folder}/home/more", 2001, 2002)
            self.assertEqual(os.listdir(f"{folder}/others"), [])
            self.assertEqual(os.stat(f"{folder}/others").st_uid, 0)

    def test_a_git_repository_comes_as_the_branch_or_tag_that_was_named(self):
        with tempfile.TemporaryDirectory() as folder:

            def git(*words):
                subprocess.run(["git", "-C", f"{folder}/course", *words], check=True, capture_output=True)

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
                fetch.fetch({"kind": "git", "url": f"file://{folder}/course", "ref": ref}, f"{folder}/{wanted}")
                with open(f"{folder}/{wanted}/lesson") as file:
                    self.assertEqual(file.read(), wanted)

    def test_an_archive_is_what_its_hash_says_or_nothing(self):
        with tempfile.TemporaryDirectory() as folder:
            os.makedirs(f"{folder}/data")
            with open(f"{folder}/data/table.csv", "w") as file:
                file.write("1,2\n")
            for kind, format in (("tar.gz", "gztar"), ("zip", "zip")):
                path = shutil.make_archive(f"{folder}/packed", format, f"{folder}/data")
                with open(path, "rb") as file:
                    known = hashlib.file_digest(file, "sha256").hexdigest()
                os.makedirs(f"{folder}/{kind}")
                material = {"kind": "archive", "url": f"file://{path}", "sha256": known}
                fetch.fetch(material, f"{folder}/{kind}")
                self.assertEqual(os.listdir(f"{folder}/{kind}"), ["table.csv"])
                with self.assertRaisesRegex(OSError, f"its SHA-256 is {known}"):
                    fetch.fetch({**material, "sha256": "0" * 64}, f"{folder}/{kind}")

    def test_what_an_archive_is_stands_in_it_and_not_in_its_address(self):
        with tempfile.TemporaryDirectory() as folder:
            os.makedirs(f"{folder}/data")
            with open(f"{folder}/data/table.csv", "w") as file:
                file.write("1,2\n")
            os.makedirs(f"{folder}/more")
            shutil.make_archive(f"{folder}/more/table", "zip", f"{folder}/data")
            for format, source, wanted in (("zip", "data", "table.csv"), ("tar", "more", "table.zip")):
                os.rename(shutil.make_archive(f"{folder}/packed", format, f"{folder}/{source}"), f"{folder}/download")
                os.makedirs(f"{folder}/{format}")
                material = {"kind": "archive", "url": f"file://{folder}/download", "sha256": None}
                fetch.fetch(material, f"{folder}/{format}")
                self.assertEqual(os.listdir(f"{folder}/{format}"), [wanted])

    def test_a_material_that_cannot_be_fetched_yet_holds_up_no_other_and_comes_later(self):
        with tempfile.TemporaryDirectory() as folder:
            os.makedirs(f"{folder}/data")
            shutil.make_archive(f"{folder}/sound", "zip", f"{folder}/data")
            with open(f"{folder}/broken.zip", "wb") as file:
                file.write(b"PK\5\6")
            names = ["late", "broken", "sound"]
            material = {"kind": "archive", "sha256": None, "into": "share"}
            wanted = [{**material, "name": name, "url": f"file://{folder}/{name}.zip"} for name in names]
            config = {"homes": "", "page": {"materials": wanted}}
            seen, said = [], []

            def sleep(seconds):
                seen.append(sorted(os.listdir(f"{folder}/share")))
                self.assertLess(len(seen), 3)
                if len(seen) == 2:
                    shutil.copy(f"{folder}/sound.zip", f"{folder}/late.zip")
                    shutil.copy(f"{folder}/sound.zip", f"{folder}/broken.zip")

            os.chmod(folder, 0o755)
            places = {"FOLDER": folder, "KEPT": f"{folder}/kept", "SHARE": f"{folder}/share", "ACCOUNT": "nobody"}
            with mock.patch.multiple(materials, settings=lambda: config, announce=said.append, **places):
                with mock.patch.object(materials.time, "sleep", sleep):
                    materials.main()
            self.assertEqual(seen, [["sound"], ["sound"]])
            self.assertEqual(sorted(os.listdir(f"{folder}/share")), ["broken", "late", "sound"])
            self.assertEqual([sum(f"/{name}.zip cannot" in text for text in said) for name in names], [1, 1, 0])


class Hostile(unittest.TestCase):
    """Archives whose makers want more than to hand out files."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder, self.said = folder.name, []
        os.chmod(self.folder, 0o755)
        places = {"FOLDER": self.folder, "KEPT": f"{self.folder}/kept", "SHARE": f"{self.folder}/share"}
        project.replace(self, materials, announce=self.said.append, say=self.said.append, ACCOUNT="nobody", **places)
        for inner in ("kept", "share", "home/ada"):
            os.makedirs(f"{self.folder}/{inner}")
        project.replace(self, materials, table=lambda: Table({"ada": User(os.getuid(), os.getgid())}, {}))

    def archive(self, *members):
        """A tar of members: name, type, mode, and what a link points to."""
        with tarfile.open(f"{self.folder}/data.tar", "w") as tar:
            for name, kind, mode, target in [("lesson", tarfile.REGTYPE, 0o644, ""), *members]:
                member = tarfile.TarInfo(name)
                member.type, member.mode, member.linkname, member.size = (
                    kind,
                    mode,
                    target,
                    4 * (kind == tarfile.REGTYPE),
                )
                tar.addfile(member, io.BytesIO(b"text"))
        return {
            "kind": "archive",
            "url": f"file://{self.folder}/data.tar",
            "sha256": None,
            "name": "course",
            "ref": None,
        }

    def place(self, material, into):
        materials.place({**material, "into": into}, f"{self.folder}/home")
        return f"{self.folder}/share/course" if into == "share" else f"{self.folder}/home/ada/course"

    def modes(self, folder):
        paths = [os.path.join(inner, name) for inner, folders, files in os.walk(folder) for name in folders + files]
        return {os.path.relpath(path, folder): os.lstat(path).st_mode for path in paths}

    def test_rights_of_others_and_devices_reach_neither_share_nor_homes(self):
        members = [("rootly", tarfile.REGTYPE, 0o6755, ""), ("folder", tarfile.DIRTYPE, 0o7755, "")]
        members += [("disk", tarfile.BLKTYPE, 0o666, ""), ("null", tarfile.CHRTYPE, 0o666, "")]
        members += [("pipe", tarfile.FIFOTYPE, 0o666, ""), ("folder/inner", tarfile.REGTYPE, 0o4711, "")]
        material = self.archive(*members)
        for into in ("share", "homes"):
            modes = self.modes(self.place(material, into))
            self.assertEqual(set(modes), {"lesson", "rootly", "folder", "folder/inner"})
            self.assertEqual([name for name, mode in modes.items() if stat.S_IMODE(mode) & 0o7000], [])
            self.assertTrue(modes["rootly"] & 0o100, "what can be run stays so")
        self.assertEqual(set(self.modes(f"{self.folder}/kept/course")), {"lesson", "rootly", "folder", "folder/inner"})

    @unittest.skipUnless(os.geteuid() == 0, "others than root have no files of root's")
    def test_what_an_earlier_image_left_is_mended(self):
        for place in ("kept", "share"):
            os.makedirs(f"{self.folder}/{place}/course")
        for place in ("kept", "share"):
            with open(f"{self.folder}/{place}/course/rootly", "w"):
                pass
            os.chmod(f"{self.folder}/{place}/course/rootly", 0o6755)
            os.mknod(f"{self.folder}/share/course/null-{place}", stat.S_IFCHR | 0o666, os.makedev(1, 3))
        material = self.archive()
        for into in ("share", "homes"):
            modes = self.modes(self.place(material, into))
            self.assertEqual(list(modes), ["rootly"])
            self.assertEqual(stat.S_IMODE(modes["rootly"]), 0o755)

    def test_nothing_is_written_outside_and_no_link_is_followed_there(self):
        outside = f"{self.folder}/outside"
        os.makedirs(outside, mode=0o777)
        os.chmod(outside, 0o777)
        with open(f"{outside}/victim", "w") as file:
            file.write("mine")
        os.chmod(f"{outside}/victim", 0o666)
        up = "../" * 12
        for members in (
            [(f"{up}{outside}/a", tarfile.REGTYPE, 0o644, "")],
            [(f"{outside}/a", tarfile.REGTYPE, 0o644, "")],
            [("door", tarfile.SYMTYPE, 0o777, outside), ("door/a", tarfile.REGTYPE, 0o644, "")],
            [("hard", tarfile.LNKTYPE, 0o6777, f"{up}{outside}/victim"), ("hard", tarfile.REGTYPE, 0o6777, "")],
            [("hard", tarfile.LNKTYPE, 0o6777, f"{outside}/victim")],
        ):
            with contextlib.suppress(OSError):
                self.place(self.archive(*members), "share")
            self.assertEqual(os.listdir(outside), ["victim"], members)
            found = os.stat(f"{outside}/victim")
            self.assertEqual((found.st_size, stat.S_IMODE(found.st_mode), found.st_nlink), (4, 0o666, 1), members)
            shutil.rmtree(f"{self.folder}/kept/course", ignore_errors=True)
            shutil.rmtree(f"{self.folder}/share/course", ignore_errors=True)

    def test_an_archive_that_is_cut_off_is_a_fault_although_it_has_devices(self):
        material = self.archive(
            ("null", tarfile.CHRTYPE, 0o666, ""), *[(f"f{n}", tarfile.REGTYPE, 0o644, "") for n in range(40)]
        )
        os.truncate(f"{self.folder}/data.tar", 15 * 1024)
        with self.assertRaisesRegex(OSError, "EOF|end of file"):
            self.place(material, "share")

    @unittest.skipUnless(os.geteuid() == 0, "only root can become somebody else")
    def test_what_fetches_has_no_rights_and_its_words_are_heard(self):
        def look():
            raise ValueError(f"{os.getresuid()} {os.getgroups()} {os.environ['HOME']}")

        with self.assertRaises(OSError) as raised:
            unprivileged.run("nobody", "/nowhere", look)
        self.assertEqual(str(raised.exception), "(65534, 65534, 65534) [] /nowhere")
        with self.assertRaises(OSError):
            unprivileged.run("nobody", "/", lambda: os.setuid(0))
        with self.assertRaisesRegex(OSError, "nobody-like-this"):
            unprivileged.run("nobody-like-this", "/", lambda: None)


SECRET = "glpat-Xy12+secret/word"


class Guarded(http.server.BaseHTTPRequestHandler):
    """Has an archive for those that know the secret, and sends them on to where nobody asks for it."""

    shown: ClassVar[list] = []

    def do_GET(self):
        self.shown.append((self.path, self.headers.get("Authorization")))
        wanted = base64.b64encode(f"ada:{SECRET}".encode()).decode()
        if self.path.startswith("/open"):
            self.send_response(200)
            self.end_headers()
            with open(self.server.archive, "rb") as file:
                shutil.copyfileobj(file, self.wfile)
        elif self.headers.get("Authorization") == f"Basic {wanted}":
            self.send_response(302)
            self.send_header("Location", f"http://localhost:{self.server.server_address[1]}/open")
            self.end_headers()
        else:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="course"')
            self.end_headers()

    def log_message(self, *_):
        pass


class Secrets(unittest.TestCase):
    """Addresses with a name and a password, or with a token behind a question mark."""

    def setUp(self):
        Hostile.setUp(self)
        material = Hostile.archive(self)
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Guarded)
        self.server.archive = material["url"].removeprefix("file://")
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.host = f"127.0.0.1:{self.server.server_address[1]}"
        Guarded.shown.clear()
        self.material = {**material, "into": "share"}

    def url(self, secret=SECRET):
        return f"http://ada:{urllib.parse.quote(secret, safe='')}@{self.host}"

    def fetch(self, **changes):
        return materials.succeeds({**self.material, **changes}, "", {})

    def expect_no_secret(self):
        self.assertTrue(self.said)
        for text in self.said:
            self.assertNotIn("glpat", text)
            self.assertNotIn("secret", text)

    def test_an_archive_behind_a_password_is_fetched_and_nothing_told(self):
        self.assertTrue(self.fetch(url=f"{self.url()}/course.tar?private_token={SECRET}"), self.said)
        self.expect_no_secret()
        self.assertIn(f"Fetched http://{self.host}/course.tar?....", self.said)
        self.assertEqual(Guarded.shown[-1], ("/open", None), "the host that it was sent on to is another one")

    def test_a_failure_tells_no_secret(self):
        for kind in ("archive", "git"):
            self.assertFalse(self.fetch(kind=kind, url=f"{self.url('another-secret')}/course.git?token={SECRET}"))
            self.assertFalse(self.fetch(kind=kind, url=f"{self.url()}:wrong:port/course.git"))
        self.expect_no_secret()

    def test_git_shows_the_password_to_this_host_and_among_no_arguments(self):
        seen = f"{self.folder}/seen"
        os.makedirs(f"{self.folder}/bin", mode=0o755)
        os.makedirs(seen)
        os.chmod(seen, 0o777)
        # What git starts is seen by its arguments.
        real = subprocess.run(["git", "--exec-path"], check=True, capture_output=True, text=True).stdout.strip()
        for name in ("git", "git-remote-http"):
            path = shutil.which("git") if name == "git" else f"{real}/{name}"
            with open(f"{self.folder}/bin/{name}", "w") as file:
                file.write(f'#!/bin/sh\necho "$0 $*" >> {seen}/$$\nexec {path} "$@"\n')
            os.chmod(f"{self.folder}/bin/{name}", 0o755)
        with mock.patch.dict(os.environ, {"PATH": f"{self.folder}/bin:{os.environ['PATH']}"}):
            self.fetch(kind="git", url=f"{self.url()}/course.git")
        self.expect_no_secret()
        wanted = base64.b64encode(f"ada:{SECRET}".encode()).decode()
        self.assertIn(f"Basic {wanted}", [shown for _, shown in Guarded.shown])
        arguments = "".join(pathlib.Path(seen, name).read_text() for name in os.listdir(seen))
        self.assertIn(f"http://{self.host}/course.git", arguments)
        self.assertNotIn("glpat", arguments)

    def test_what_is_shown_of_addresses(self):
        for text, wanted in (
            ("https://example.org/course.git", "https://example.org/course.git"),
            ("https://ada:pass@example.org/a?b=c", "https://example.org/a?..."),
            ("https://token@example.org:8443/a", "https://example.org:8443/a"),
            ("https://ada:p@ss@example.org/a", "https://example.org/a"),
            ("https://example.org/a#access_token=b", "https://example.org/a?..."),
            (
                "fatal: unable to access 'https://ada:x@example.org/a?t=1': 403",
                "fatal: unable to access 'https://example.org/a?...': 403",
            ),
            ("ssh://git@example.org/a and https://x:y@b/", "ssh://example.org/a and https://b/"),
            ("mail ada@example.org?", "mail ada@example.org?"),
        ):
            self.assertEqual(shown(text), wanted)
        self.assertEqual(Source.of("ssh://git@example.org/a").url, "ssh://git@example.org/a")
        self.assertEqual(Source.of("https://token@example.org/a"), ("https://example.org/a", "token", ""))


if __name__ == "__main__":
    unittest.main()
