"""Whose the homes are: on a volume that other workshops have used, and where a user's UID has changed."""

import os
import stat
import subprocess
import sys
import tempfile
import unittest
from unittest import mock

import project
from imagegen.hub import homes
from imagegen.users import Table, User


def table(*names, first=2001):
    return Table({name: User(first + number, first + number) for number, name in enumerate(names)}, {})


def write(path, text, owner=None):
    with open(path, "w") as file:
        file.write(text)
    if owner:
        os.chown(path, *owner)


@unittest.skipUnless(os.getuid() == 0, "only root gives files away")
class Homes(unittest.TestCase):
    """The whole program but for NFS, in a folder."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        os.makedirs(f"{folder.name}/skel")
        write(f"{folder.name}/skel/.profile", "")
        self.root, self.homes, self.said = folder.name, f"{folder.name}/homes", []
        self.exported, self.mounted = [], True
        project.replace(
            self,
            homes,
            SKELETON=f"{folder.name}/skel",
            EXPORTS=f"{folder.name}/exports",
            find_network=lambda config: config["network"],
            announce=self.said.append,
            say=self.said.append,
            subprocess=mock.Mock(run=self.run_program),
        )

    def run_program(self, command, **options):
        if command[0] == "exportfs":
            self.exported.append(command)
            return None
        return subprocess.run(command, **options)

    def start(self, workshop, names=("training01", "training02"), first=2001, **config):
        config = {
            "homes": self.homes,
            "workshop": "course",
            "workshop_id": workshop,
            "shares": [],
            "links": {},
            **config,
        }
        config.setdefault("network", "10.0.0.0/24")
        self.said.clear()
        mounted = mock.patch.object(os.path, "ismount", lambda _: self.mounted)
        with mounted, mock.patch.object(homes, "settings", lambda: config):
            with mock.patch.object(homes, "table", lambda: table(*names, first=first)):
                homes.main()

    def write_work(self, text, user="training01"):
        write(f"{self.homes}/{user}/work", text)

    def works(self, folder=""):
        """What is in each home, by its name."""
        found = {}
        for name in os.listdir(f"{self.homes}{folder}"):
            path = f"{self.homes}{folder}/{name}/work"
            if not name.startswith(".") and os.path.exists(path):
                with open(path) as file:
                    found[name] = file.read()
        return found

    def test_homes_of_another_workshop_are_put_aside_whole(self):
        self.start("2025", ("training01", "eve"))
        self.write_work("last year's")
        self.write_work("eve's", "eve")
        before = os.stat(f"{self.homes}/training01/work").st_ino
        self.start("2026", volume="/dev/vdb")
        aside = f"{self.homes}/.archive/2025"
        self.assertEqual(self.works(), {})
        self.assertEqual(sorted(os.listdir(self.homes)), [".archive", ".imagegen", "training01", "training02"])
        self.assertEqual(self.works("/.archive/2025"), {"training01": "last year's", "eve": "eve's"})
        self.assertEqual(os.stat(f"{aside}/training01/work").st_ino, before)
        archive = os.stat(f"{self.homes}/.archive")
        self.assertEqual((stat.S_IMODE(archive.st_mode), archive.st_uid), (0o700, 0))
        self.assertEqual(self.said[0], f"2 homes moved from {self.homes} to {aside}.")
        self.start("2026", volume="/dev/vdb")
        self.assertEqual(self.said, [])

    def test_what_is_no_home_of_a_workshop_stays_where_it_is(self):
        os.makedirs(f"{self.homes}/debian")
        os.makedirs(f"{self.homes}/lost+found")
        self.start("2025")
        self.start("2026")
        self.assertLess({"debian", "lost+found"}, set(os.listdir(self.homes)))

    def test_a_workshop_that_comes_back_finds_its_homes(self):
        self.start("2025")
        self.write_work("last year's")
        self.start("2026")
        self.write_work("this year's")
        self.start("2025")
        self.assertEqual(self.works(), {"training01": "last year's"})
        moved = f"2 homes moved from {self.homes}/.archive/2025 to {self.homes}."
        self.assertIn(moved, self.said)
        self.start("2026")
        self.assertEqual(self.works(), {"training01": "this year's"})

    def test_it_may_be_interrupted_anywhere(self):
        rename = os.rename
        for moves in range(8):
            with self.subTest(moves=moves):
                self.setUp()
                self.start("2025")
                self.write_work("last year's")
                self.start("2026")
                self.write_work("this year's")
                left = iter(range(moves))

                def interrupted(source, target, left=left):
                    next(left)
                    rename(source, target)

                with mock.patch.object(homes.os, "rename", interrupted):
                    try:
                        self.start("2025")
                    except StopIteration:
                        pass
                self.start("2025")
                self.assertEqual(self.works(), {"training01": "last year's"})
                self.assertEqual(self.works("/.archive/2026"), {"training01": "this year's"})

    def test_homes_without_a_marker_are_taken_where_they_can_only_be_ours(self):
        for config, kept in (
            ({}, True),
            ({"volume": "/dev/vdb", "adopt": True}, True),
            ({"volume": "/dev/vdb"}, False),
        ):
            with self.subTest(config):
                self.setUp()
                os.makedirs(f"{self.homes}/training01")
                self.write_work("somebody's")
                self.start("2026", **config)
                self.assertEqual(self.works(), {"training01": "somebody's"} if kept else {})
                self.assertEqual(os.path.exists(f"{self.homes}/.archive/unmarked/training01/work"), not kept)

    def test_without_its_volume_a_hub_makes_no_homes(self):
        self.mounted = False
        with self.assertRaises(SystemExit):
            self.start("2026", volume="/dev/vdb")
        self.assertFalse(os.path.exists(self.homes))

    def test_a_marker_of_another_origin_leads_nowhere_else(self):
        write(f"{self.root}/outside", "")
        os.makedirs(self.homes)
        write(f"{self.homes}/.imagegen", "../../x\n../outside\n../skel\n")
        os.makedirs(f"{self.homes}/training01")
        self.start("2026")
        self.assertEqual(sorted(os.listdir(self.root)), ["homes", "outside", "skel"])
        self.assertEqual(sorted(os.listdir(f"{self.homes}/.archive")), ["2026", "x"])

    def test_where_uids_changed_a_home_is_handed_over_whole(self):
        self.start("2026")
        home = f"{self.homes}/training01"
        os.makedirs(f"{home}/-deep\nname/er")
        os.chown(f"{home}/-deep\nname", 2001, 2001)
        os.chown(f"{home}/-deep\nname/er", 2001, 3000)
        write(f"{home}/-deep\nname/er/-file", "", (2001, 2001))
        write(f"{home}/others", "", (2002, 2002))
        write(f"{self.root}/outside", "", (2001, 2001))
        os.symlink(f"{self.root}/outside", f"{home}/link")
        os.symlink(self.root, f"{home}/folder")
        for name in ("link", "folder"):
            os.lchown(f"{home}/{name}", 2001, 2001)
        self.start("2026", first=4001)
        owners = {path: (os.lstat(path).st_uid, os.lstat(path).st_gid) for path in self.walk(home)}
        self.assertEqual(owners.pop(f"{home}/others"), (2002, 2002))
        self.assertEqual(owners.pop(f"{home}/-deep\nname/er"), (4001, 3000))
        self.assertEqual(set(owners.values()), {(4001, 4001)})
        self.assertEqual(len(owners), 6)
        self.assertEqual(os.stat(f"{self.root}/outside").st_uid, 2001)
        self.assertEqual(
            self.said,
            [
                f"{self.homes}/{name} with all its files belongs to {name} again."
                for name in table("training01", "training02").users
            ],
        )

    def walk(self, folder):
        inner = [os.path.join(path, name) for path, folders, files in os.walk(folder) for name in folders + files]
        return [folder, *inner]

    def test_users_who_change_places_keep_their_files(self):
        self.start("2026")
        self.write_work("one")
        os.chown(f"{self.homes}/training01/work", 2001, 2001)
        self.start("2026", ("training02", "training01"))
        self.assertEqual(os.stat(f"{self.homes}/training01/work").st_uid, 2002)
        self.assertEqual(os.stat(f"{self.homes}/training02").st_uid, 2001)

    def test_a_handing_over_that_is_interrupted_goes_on(self):
        self.start("2026")
        home = f"{self.homes}/training01"
        os.makedirs(f"{home}/a/b")
        for path in self.walk(home):
            os.chown(path, 2001, 2001)
        tools = f"{self.root}/tools"
        os.makedirs(tools)
        write(
            f"{tools}/chown",
            '#!/bin/sh\necho "$@" >>"$LOG"\ntest "$(wc -l <"$LOG")" -lt 5 && exec /bin/chown "$@"\nexit 1\n',
        )
        os.chmod(f"{tools}/chown", 0o755)
        environment = {"PATH": f"{tools}:/usr/bin:/bin", "LOG": f"{self.root}/log"}
        with mock.patch.dict(os.environ, environment), self.assertRaises(subprocess.CalledProcessError):
            self.start("2026", first=4001)
        self.assertEqual(os.stat(home).st_uid, 2001)
        self.assertIn(4001, {os.stat(path).st_uid for path in self.walk(home)})
        self.start("2026", first=4001)
        self.assertEqual({os.lstat(path).st_uid for path in self.walk(home)}, {4001})

    def test_another_file_system_in_a_home_stays_as_it_is(self):
        os.makedirs(f"{self.root}/home/inner")
        script = (
            'mount -t tmpfs tmpfs "$1/inner" && touch "$1/inner/file" "$1/file"\n'
            'chown 2001:2001 "$1/inner/file" "$1/file" "$1"\n'
            'PYTHONPATH=$2 "$3" -Bc "$4" "$1" && stat -c %u "$1/inner/file" "$1/file" "$1"'
        )
        program = "import sys\nfrom imagegen.hub import homes\nfrom imagegen.users import User\n"
        program += "homes.hand_over(sys.argv[1], User(4001, 4001))"
        command = [
            "unshare",
            "--mount",
            "sh",
            "-euc",
            script,
            "sh",
            f"{self.root}/home",
            project.LIBRARY,
            sys.executable,
            program,
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if "unshare" in done.stderr:
            self.skipTest(done.stderr)
        self.assertEqual(done.stdout.split(), ["2001", "4001", "4001"], done.stderr)

    def test_a_network_that_changes_is_exported_at_once(self):
        self.start("2026", stock=True)
        self.assertIn("Homes are exported over NFS to 10.0.0.0/24.", self.said)
        self.start("2026", network="10.0.0.0/28", stock=True)
        self.assertEqual(self.said, ["Homes are exported over NFS to 10.0.0.0/28."])
        with open(f"{self.root}/exports") as file:
            self.assertEqual(file.read(), f"{self.homes} 10.0.0.0/28(rw,sync,root_squash,subtree_check)\n")
        # Also where it was written and not yet exported: what is exported already, exportfs(8) leaves alone.
        self.start("2026", network="10.0.0.0/28", stock=True)
        self.assertEqual((self.said, len(self.exported)), ([], 3))

    def test_a_golden_hub_leaves_exporting_to_the_nodes_that_are_enrolled(self):
        self.start("2026")
        self.assertEqual(self.exported, [])
        self.assertFalse(os.path.exists(f"{self.root}/exports"))


if __name__ == "__main__":
    unittest.main()
