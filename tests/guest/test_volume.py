"""The volume with the homes, on real file systems: in files, and where this machine has loop devices, mounted."""

import contextlib
import io
import os
import subprocess
import sys
import tempfile
import unittest
import zlib
from unittest import mock

import project
from imagegen.hub import volume

UUID = "0d8aa6c1-6b0e-4d35-9b8f-1f5e6a7b8c9d"


def run(*command, **options):
    return subprocess.run(command, check=True, capture_output=True, text=True, **options).stdout


class Disks(unittest.TestCase):
    """Each disk is a sparse file."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def disk(self, *command, **options):
        """A new one, on which a command has been at work."""
        descriptor, path = tempfile.mkstemp(dir=self.folder)
        os.close(descriptor)
        os.truncate(path, 16 << 20)
        if command:
            run(*command, path, **options)
        return path

    def ext4(self, label):
        return self.disk("mkfs.ext4", "-q", *(["-L", label] if label else []))

    def luks(self, *command):
        path = self.disk(*command)
        with open(path, "r+b") as disk:
            disk.write(b"LUKS\xba\xbe\0\1" + b"aes".ljust(32, b"\0") + b"xts-plain64".ljust(32, b"\0"))
        return path

    def lvm(self):
        path = self.disk()
        label = ((32).to_bytes(4, "little") + b"LVM2 001" + b"a" * 32).ljust(492, b"\0")
        checksum = zlib.crc32(label, 0xF597A6CF ^ 0xFFFFFFFF) ^ 0xFFFFFFFF
        with open(path, "r+b") as disk:
            disk.seek(512)
            disk.write(b"LABELONE" + (1).to_bytes(8, "little") + checksum.to_bytes(4, "little") + label)
        return path


class Verdict(Disks):
    def objection(self, path, adopt=False):
        """What is on a disk that cannot have the homes."""
        found = volume.content(path)
        return "" if volume.is_usable(found, adopt) else found

    def test_a_blank_one_and_our_own_are_taken(self):
        self.assertEqual(volume.content(self.disk()), "")
        for path in (self.disk(), self.ext4("imagegen-homes"), self.ext4("homes")):
            self.assertEqual(self.objection(path), "")

    def test_a_foreign_file_system_is_taken_only_where_the_workshop_adopts_it(self):
        for label in ("research", "", "home"):
            path = self.ext4(label)
            self.assertEqual(self.objection(path), f"LABEL={label} TYPE=ext4" if label else "TYPE=ext4")
            self.assertEqual(self.objection(path, True), "")

    def test_what_the_cloud_gives_is_never_taken(self):
        disks = {
            "LABEL=ephemeral0": [self.ext4("ephemeral0"), self.disk("mkfs.vfat", "-n", "ephemeral0")],
            "LABEL=config-2": [self.disk("mkfs.vfat", "-n", "config-2"), self.ext4("config-2")],
        }
        for what, paths in disks.items():
            for path in paths:
                self.assertIn(what, self.objection(path))
                self.assertIn(what, self.objection(path, True))

    def test_other_contents_are_never_taken_and_named(self):
        disks = {
            "PTTYPE=gpt": self.disk("sfdisk", "-q", input="label: gpt\n"),
            "PTTYPE=dos": self.disk("sfdisk", "-q", input="label: dos\n"),
            "swap": self.disk("mkswap"),
            "vfat": self.disk("mkfs.vfat"),
            "ext2": self.disk("mkfs.ext2", "-q"),
            "ext3": self.disk("mkfs.ext3", "-q"),
            "crypto_LUKS": self.luks(),
            "LVM2_member": self.lvm(),
        }
        for what, path in disks.items():
            for adopt in (False, True):
                self.assertIn(what, self.objection(path, adopt))

    def test_data_without_a_signature_are_never_taken(self):
        path = self.disk()
        with open(path, "r+b") as disk:
            disk.seek(4096)
            disk.write(b"precious")
        self.assertIn("unknown", self.objection(path, True))

    def test_two_signatures_at_once_are_never_taken(self):
        self.assertTrue(self.objection(self.luks("mkfs.ext4", "-q", "-L", "homes"), True))


class Names(Disks):
    """How a volume is found; names that end in `-part1` are of its partitions."""

    def setUp(self):
        super().setUp()
        project.replace(
            self, volume, BY_ID=self.folder, Path=lambda name: mock.Mock(is_block_device=lambda: os.path.exists(name))
        )

    def attach(self, *names):
        for name in names:
            open(f"{self.folder}/{name}", "w").close()

    def found(self, name):
        return os.path.basename(volume.find(name) or "")

    def test_a_uuid_is_found_as_each_bus_shows_it(self):
        for name in (f"virtio-{UUID[:20]}", f"scsi-0QEMU_QEMU_HARDDISK_{UUID}", f"nvme-QEMU_NVMe_Ctrl_{UUID}"):
            self.attach("virtio-11111111-2222-3333-4", f"{name}-part1", "ata-QEMU_DVD-ROM_QM00001")
            self.assertEqual(self.found(UUID), "")
            self.attach(name)
            self.assertEqual(self.found(UUID), name)
            os.remove(f"{self.folder}/{name}")

    def test_a_path_is_a_path(self):
        self.assertEqual(self.found(f"{self.folder}/disk"), "")
        self.attach("disk")
        self.assertEqual(self.found(f"{self.folder}/disk"), "disk")
        self.assertEqual(self.found("disk"), "disk")


def has_loop_devices():
    return os.getuid() == 0 and os.path.exists("/dev/loop-control")


MOUNT = """
import sys
sys.path.insert(0, sys.argv[1])
from imagegen import console
from imagegen.hub import volume
console.CONSOLE = "/dev/null"
volume.settings = lambda: {"volume": sys.argv[2], "homes": sys.argv[3], "adopt": sys.argv[4] == "True"}
volume.main()
open(sys.argv[3] + "/written", "w").close()
"""


@unittest.skipUnless(has_loop_devices(), "needs root and loop devices")
class Mount(Disks):
    """The whole program, in a mount namespace of its own."""

    def mount(self, path, adopt=False, before=""):
        try:
            device = run("losetup", "--find", "--show", path).strip()
        except subprocess.CalledProcessError as error:
            self.skipTest(error.stderr)
        self.addCleanup(run, "losetup", "--detach", device)
        os.makedirs(f"{self.folder}/homes", exist_ok=True)
        script = f'{before}\nexec "$@"'.replace("DEVICE", device)
        program = [sys.executable, "-B", "-c", MOUNT, project.LIBRARY, device, f"{self.folder}/homes", str(adopt)]
        command = ["unshare", "--mount", "sh", "-c", script, "sh", *program]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def content(self, path):
        return run("debugfs", "-R", "ls -p", path)

    def test_a_blank_one_is_formatted_once(self):
        path = self.disk()
        for said in ("was blank", "The homes are on"):
            done = self.mount(path)
            self.assertIn(said, done.stdout)
            self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn("was blank", done.stdout)
        self.assertIn("LABEL=imagegen-homes\n", run("blkid", "-p", "-o", "export", path))
        self.assertIn("written", self.content(path))

    def test_nothing_changes_on_a_foreign_one_until_the_workshop_adopts_it(self):
        for label in ("data", "ephemeral0"):
            path = self.ext4(label)
            with open(path, "rb") as disk:
                before = disk.read()
            done = self.mount(path)
            self.assertEqual(done.returncode, 1)
            self.assertEqual(len(done.stdout.splitlines()), 1, done.stdout)
            with open(path, "rb") as disk:
                self.assertEqual(disk.read(), before)
            self.assertEqual(self.mount(path, True).returncode, 0 if label == "data" else 1)

    def test_one_that_the_machine_uses_already_is_refused(self):
        done = self.mount(self.ext4("data"), True, before="mount DEVICE /mnt")
        self.assertIn("cannot be used, and there are no homes: [Errno 16]", done.stdout)


class Patience(unittest.TestCase):
    def test_a_volume_that_is_not_attached_yet_is_waited_for_and_told_once(self):
        looks = iter([None, None, None, "/dev/vdb"])
        said = io.StringIO()
        with mock.patch.object(volume, "find", lambda _: next(looks)), mock.patch("time.sleep"):
            with contextlib.redirect_stdout(said):
                self.assertEqual(volume.wait_for(UUID), "/dev/vdb")
        self.assertEqual(said.getvalue(), f"Waiting for the volume {UUID}, which holds the homes.\n")


if __name__ == "__main__":
    unittest.main()
