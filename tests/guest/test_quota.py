"""What students may store: the numbers; and where this machine's kernel has quotas, that they hold."""

import ctypes
import errno
import json
import os
import subprocess
import sys
import tempfile
import unittest

import project
from imagegen import quotas, scratch
from imagegen.hub import quota
from imagegen.jupyter import usage
from imagegen.quotas import Amount
from test_volume import has_loop_devices, run

MIB = 1 << 20
GIB = 1024 * MIB


class Shares(unittest.TestCase):
    def test_each_may_store_twice_an_equal_part_and_none_can_fill_the_disk(self):
        self.assertEqual(quota.share(None, Amount(30 * GIB, 300_000), 30), Amount(2 * GIB, 20_000))
        self.assertEqual(quota.share(None, Amount(30 * GIB, 300_000), 1), Amount(15 * GIB, 150_000))
        self.assertEqual(quota.share(None, Amount(GIB, 65_536), 1000), Amount(16 * MIB, 1000))
        self.assertEqual(quota.share(5 * GIB, Amount(30 * GIB, 300_000), 30), Amount(5 * GIB, 20_000))

    def test_outside_the_home_each_may_store_an_eighth_of_the_disk(self):
        self.assertEqual(scratch.share(None, Amount(20 * GIB, 80)).bytes, 20 * GIB // 8)
        self.assertEqual(scratch.share(None, Amount(GIB, 80)).bytes, 256 * MIB)
        self.assertEqual(scratch.share(None, Amount(900 * GIB, 80)).bytes, 10 * GIB)
        self.assertEqual(scratch.share(GIB, Amount(20 * GIB, 80)).bytes, GIB)

    def test_the_record_is_as_the_kernel_has_it(self):
        self.assertEqual(ctypes.sizeof(quotas.Record), 72)


class Pages(unittest.TestCase):
    def test_amounts_are_told_in_the_units_of_disks(self):
        with tempfile.NamedTemporaryFile("w") as file:
            json.dump({"limit": 1_500_000_000, "used": {"ada": 120_400_000, "bob": 0}}, file)
            file.flush()
            project.replace(self, usage, USAGE=file.name)
            self.assertEqual(usage.stored("ada"), "120 MB of 1.5 GB")
            self.assertEqual(usage.stored("bob"), "0 MB of 1.5 GB")
            self.assertEqual(usage.stored("eve"), "")
        self.assertEqual(usage.stored("ada"), "")


@unittest.skipUnless(os.getuid() == 0, "only root gives files away")
class Archive(unittest.TestCase):
    def test_homes_of_earlier_workshops_are_counted_once(self):
        with tempfile.TemporaryDirectory() as homes:
            folder = f"{homes}/.archive/2025/training01"
            os.makedirs(folder)
            for name, size in (("large", 3 * MIB), ("small", 1)):
                with open(f"{folder}/{name}", "wb") as file:
                    file.write(b"x" * size)
                os.chown(f"{folder}/{name}", 2001, 2001)
            os.symlink("/etc", f"{folder}/link")
            os.lchown(f"{folder}/link", 2002, 2002)
            kept = f"{homes}/kept.json"
            found = quota.archived(homes, kept)
            self.assertEqual(found[2001].files, 2)
            self.assertGreaterEqual(found[2001].bytes, 3 * MIB + 1)
            self.assertEqual(found[2002].files, 1)
            os.remove(f"{folder}/large")
            self.assertEqual(quota.archived(homes, kept), found)


PROGRAM = """
import os, sys
sys.path.insert(0, sys.argv[1])
from imagegen.hub import quota
from imagegen.users import User
homes = sys.argv[2]
quota.ARCHIVED = f"{homes}/archived"
quota.archived.__defaults__ = (quota.ARCHIVED,)
users = {"ada": User(2001, 2001), "bob": User(2002, 2002)}
for name, user in users.items():
    os.mkdir(f"{homes}/{name}")
    os.chown(f"{homes}/{name}", user.uid, user.gid)
quota.apply(homes, homes, users, 16 << 20)
def store(name, size):
    pid = os.fork()
    if not pid:
        os.setresuid(users[name].uid, users[name].uid, users[name].uid)
        try:
            with open(f"{homes}/{name}/work", "wb") as file:
                for _ in range(size):
                    file.write(b"x" * (1 << 20))
                os.fsync(file.fileno())
        except OSError as error:
            os._exit(error.errno)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
print("RESULT", store("ada", 20), store("bob", 10))
print("USED", quota.apply(homes, homes, users, 16 << 20)["used"]["bob"] >> 20)
"""


@unittest.skipUnless(has_loop_devices(), "needs root and loop devices")
class Kernel(unittest.TestCase):
    def test_who_stores_too_much_is_stopped_alone(self):
        with tempfile.TemporaryDirectory() as folder:
            path, homes = f"{folder}/disk", f"{folder}/homes"
            os.makedirs(homes)
            with open(path, "w") as file:
                file.truncate(64 * MIB)
            run("mkfs.ext4", "-q", "-O", "quota", "-E", "quotatype=usrquota", path)
            shell = 'mount -o loop,usrquota "$1" "$2" || exit 77; shift 2; exec "$@"'
            program = [sys.executable, "-B", "-c", PROGRAM, project.LIBRARY, homes]
            command = ["unshare", "--mount", "sh", "-c", shell, "sh", path, homes, *program]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode == 77:
                self.skipTest(f"this kernel has no quotas: {done.stderr}")
            self.assertIn(f"RESULT {errno.EDQUOT} 0\nUSED 10", done.stdout, done.stderr)


if __name__ == "__main__":
    unittest.main()
