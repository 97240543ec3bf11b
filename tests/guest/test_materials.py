import hashlib
import json
import os
import shutil
import subprocess
import tempfile
import unittest
from unittest import mock

import project  # noqa: F401  (sets the path)
from imagegen.hub import materials
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
                material = {"kind": "archive", "url": f"file://{folder}/download", "sha256": None}
                materials.fetch(material, f"{folder}/{format}")
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

            places = {"WORK": folder, "KEPT": f"{folder}/kept", "SHARE": f"{folder}/share"}
            with mock.patch.multiple(materials, settings=lambda: config, announce=said.append, **places):
                with mock.patch.object(materials.time, "sleep", sleep):
                    materials.main()
            self.assertEqual(seen, [["sound"], ["sound"]])
            self.assertEqual(sorted(os.listdir(f"{folder}/share")), ["broken", "late", "sound"])
            self.assertEqual([sum(f"/{name}.zip cannot" in text for text in said) for name in names], [1, 1, 0])


if __name__ == "__main__":
    unittest.main()
