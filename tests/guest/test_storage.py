"""The hub's file system for homes and shared folders, on a real disk in a file: where this machine has loop devices."""

import json
import os
import subprocess
import sys
import tempfile
import unittest
from unittest import mock

import project
from imagegen.hub import materials, storage
from test_volume import has_loop_devices, run

MIB = 1 << 20

PROGRAM = """
import json, os, subprocess, sys
sys.path.insert(0, sys.argv[1])
from imagegen import console
from imagegen.hub import storage, volume
console.CONSOLE = "/dev/null"
root = sys.argv[2]
config = {"homes": f"{root}/home", "quota": 0, **json.loads(sys.argv[3])}
storage.settings = volume.settings = lambda: config
storage.ROOT, storage.IMAGE, storage.DATA = root, f"{root}/data.img", f"{root}/data"
storage.MATERIALS = f"{root}/materials"
storage.reserve = lambda total, on_hub: 32 << 20
"""


class Sizes(unittest.TestCase):
    def test_a_reserve_stays_free_for_the_system(self):
        gib = 1024 * MIB
        self.assertEqual(storage.reserve(10 * gib, False), 2 * gib)
        self.assertEqual(storage.reserve(80 * gib, False), 10 * gib)
        self.assertEqual(storage.reserve(10 * gib, True), 6 * gib)

    def test_what_is_free_beyond_it_goes_to_the_homes(self):
        self.assertEqual(storage.wanted_size(0, 1000 * MIB, 200 * MIB), 768 * MIB)
        self.assertEqual(storage.wanted_size(0, 300 * MIB, 2000 * MIB), 128 * MIB)
        self.assertEqual(storage.wanted_size(768 * MIB, 200 * MIB, 200 * MIB), 768 * MIB)
        self.assertEqual(storage.wanted_size(768 * MIB, 100 * MIB, 200 * MIB), 768 * MIB)
        self.assertEqual(storage.wanted_size(768 * MIB, 1200 * MIB, 200 * MIB), 1728 * MIB)

    def test_a_disk_without_room_is_told(self):
        said = []
        with mock.patch.object(storage, "fail", side_effect=lambda text: said.append(text) or sys.exit(1)):
            with self.assertRaises(SystemExit):
                storage.make_image("/nonexistent", 64 * MIB)
        self.assertEqual(said, ["The hub's disk is too small for homes: 64 MiB would be left for them."])


@unittest.skipUnless(has_loop_devices(), "needs root and loop devices")
class Disk(unittest.TestCase):
    """The whole program on a root file system of 400 MB. Each boot has a mount namespace of its own."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder, self.root, self.disk = folder.name, f"{folder.name}/root", f"{folder.name}/disk"
        os.makedirs(self.root)
        with open(self.disk, "w") as file:
            file.truncate(400 * MIB)
        run("mkfs.ext4", "-q", "-m", "0", self.disk)

    def boot(self, script, *, before="", **config):
        """Runs it after the program, and gives what it prints."""
        program = f"{PROGRAM}\n{before}\nstorage.main()\n{script}"
        arguments = [sys.executable, "-B", "-c", program, project.LIBRARY, self.root, json.dumps(config)]
        # Loop devices go with the last mount; but the inner ones have to go first.
        shell = 'mount -o loop "$1" "$2" && shift 2 && "$@"; status=$?\n'
        shell += 'umount -R "$ROOT"; losetup -j "$ROOT/data.img" | cut -d: -f1 | xargs -r losetup -d; exit $status'
        command = ["unshare", "--mount", "sh", "-c", shell, "sh", self.disk, self.root, *arguments]
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, env={**os.environ, "ROOT": self.root}
        )
        if "failed to setup loop device" in done.stderr:
            self.skipTest(done.stderr)
        self.assertEqual(done.returncode, 0, done.stderr + done.stdout)
        return done.stdout + done.stderr

    def test_homes_and_shares_are_on_a_file_system_of_their_own(self):
        shares = [[f"{self.root}/srv/data", False], [f"{self.root}/srv/out", True]]
        folders = "('home', 'materials', 'srv/data', 'srv/out')"
        script = f"""
devices = {{os.stat(f"{{root}}/{{name}}").st_dev for name in {folders}}}
modes = [oct(os.stat(f"{{root}}/{{name}}").st_mode & 0o7777) for name in {folders}]
print("RESULT", len(devices), os.stat(root).st_dev in devices, *modes)
open(f"{{root}}/srv/out/kept", "a").write("x")
"""
        result = "RESULT 1 False 0o755 0o711 0o755 0o1777"
        self.assertIn(result, self.boot(script, shares=shares))
        again = self.boot(script + 'print("KEPT", open(f"{root}/srv/out/kept").read())', shares=shares)
        self.assertIn(result, again)
        self.assertIn("KEPT xx", again)

    def test_materials_are_fetched_to_it_and_nobody_else_looks_into_them(self):
        self.assertEqual(materials.FOLDER, storage.MATERIALS)
        # Python imports mimetypes when it opens a file: URL, and its own folder may be closed to other accounts.
        script = """
import mimetypes
from imagegen.hub import materials
materials.ACCOUNT, materials.FOLDER, materials.KEPT = "nobody", f"{root}/materials", f"{root}/materials/kept"
materials.SHARE, materials.announce = f"{root}/share", print
for folder in (os.path.dirname(root), root):
    os.chmod(folder, 0o711)
os.makedirs(f"{root}/materials/{materials.UNFINISHED}killed/content")
subprocess.run(["tar", "-C", f"{sys.argv[1]}/imagegen", "-cf", f"{root}/course.tar", "console.py"], check=True)
materials.prepare()
wanted = {"kind": "archive", "url": f"file://{root}/course.tar", "sha256": None, "name": "course", "ref": None}
kept = materials.obtain(wanted)
mode = oct(os.stat(materials.KEPT).st_mode & 0o777)
print("RESULT", os.listdir(kept), os.listdir(materials.FOLDER), mode)
"""
        self.assertIn("RESULT ['console.py'] ['kept'] 0o700", self.boot(script))

    def test_homes_of_an_earlier_boot_are_moved_there_whole(self):
        before = """
os.makedirs(f"{root}/home/ada/deep")
open(f"{root}/home/ada/deep/work", "w").write("precious")
os.chmod(f"{root}/home/ada", 0o700)
os.chown(f"{root}/home/ada", 2001, 2001)
os.makedirs(f"{root}/home/.ada.unfinished/half")
"""
        script = """
found = os.stat(f"{root}/home/ada")
print("RESULT", open(f"{root}/home/ada/deep/work").read(), found.st_uid, oct(found.st_mode & 0o777))
subprocess.run(["umount", f"{root}/home"], check=True)
print("BELOW", os.listdir(f"{root}/home"))
"""
        said = self.boot(script, before=before)
        self.assertIn("RESULT precious 2001 0o700", said)
        self.assertIn("BELOW []", said)

    def test_an_interrupted_move_goes_on(self):
        before = """
for name in ("ada", "bob"):
    os.makedirs(f"{root}/home/{name}")
    open(f"{root}/home/{name}/work", "w").write(name)
rename = os.rename
def interrupted(source, target):
    if target.endswith("bob"):
        raise SystemExit
    rename(source, target)
os.rename = interrupted
try:
    storage.main()
except SystemExit:
    pass
os.rename = rename
"""
        script = 'print("RESULT", *(open(f"{root}/home/{name}/work").read() for name in ("ada", "bob")))'
        script += '\nprint("ALL", sorted(os.listdir(f"{root}/home")))'
        said = self.boot(script, before=before)
        self.assertIn("RESULT ada bob", said)
        self.assertIn("ALL ['ada', 'bob']", said)

    def test_a_full_root_disk_leaves_the_homes_writable(self):
        script = """
command = ["dd", "if=/dev/zero", f"of={root}/full", "bs=1M"]
full = subprocess.run(command, check=False, stderr=subprocess.PIPE, text=True).stderr
with open(f"{root}/home/work", "wb") as file:
    for _ in range(100):
        file.write(os.urandom(1 << 20))
    os.fsync(file.fileno())
print("RESULT", os.path.getsize(f"{root}/home/work") >> 20, "No space left on device" in full)
"""
        self.assertIn("RESULT 100 True", self.boot(script))

    def test_they_grow_with_the_disk_and_an_unfinished_file_is_made_again(self):
        size = 'print("SIZE", os.path.getsize(f"{root}/data.img") >> 20, os.statvfs(f"{root}/home").f_blocks >> 10)'
        before = 'open(f"{root}/data.img.unfinished", "w").truncate(300 << 20)'
        first = self.boot(f'open(f"{{root}}/home/work", "w").write("precious")\n{size}', before=before)
        self.assertIn("SIZE 320 ", first)
        with open(self.disk, "r+") as file:
            file.truncate(800 * MIB)
        run("e2fsck", "-fp", self.disk)
        run("resize2fs", self.disk)
        second = self.boot(f'print("WORK", open(f"{{root}}/home/work").read())\n{size}')
        self.assertIn("WORK precious", second)
        self.assertIn("SIZE 640 ", second)
        if "Permission denied to resize filesystem" not in second:  # as in a container
            self.assertNotEqual(first.split("SIZE")[1].split()[1], second.split("SIZE")[1].split()[1])

    def test_what_the_organiser_has_mounted_stays(self):
        before = """
for name in ("srv/own", "srv/holder/inner"):
    os.makedirs(f"{root}/{name}")
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", f"{root}/{name}"], check=True)
    open(f"{root}/{name}/file", "w").close()
"""
        shares = [[f"{self.root}/srv/own", False], [f"{self.root}/srv/holder", False]]
        script = """
print("RESULT", os.listdir(f"{root}/srv/own"), os.listdir(f"{root}/srv/holder/inner"))
print("ROOT", storage.is_on_root(f"{root}/srv/own"), storage.is_on_root(f"{root}/srv/holder"))
"""
        said = self.boot(script, before=before, shares=shares)
        self.assertIn("RESULT ['file'] ['file']", said)
        self.assertIn("ROOT False True", said)
        self.assertIn(f"{self.root}/srv/holder stays on the root file system", said)

    def test_every_user_is_counted_where_there_are_quotas(self):
        path = f"{self.folder}/data"
        with open(path, "w") as file:
            file.truncate(64 * MIB)
        run("mkfs.ext4", "-q", path)
        for _ in range(2):
            storage.allow_quotas(path)
            self.assertIn("User quota inode:", run("dumpe2fs", "-h", path))


if __name__ == "__main__":
    unittest.main()
