"""The units of the images: what each may take, and that it comes back."""

import glob
import os
import subprocess
import tempfile
import unittest

import project
from imagegen.hub import limits
from imagegen.users import Table, User

IMAGES = os.path.join(project.PROJECT, "images")
# In the order in which systemd reads them, as far as names decide: the unit, what every unit of ours has, its own.
PLACES = "etc/systemd/system"


def read(path):
    """The settings of a unit file or of a piece of one, the last of each name."""
    with open(path) as file:
        lines = [line.strip() for line in file if "=" in line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def units():
    """The settings of each service of ours by its name."""
    paths = glob.glob(f"{IMAGES}/*/{PLACES}/*.service") + glob.glob(f"{project.PROJECT}/userdata/node/*.service")
    found = {os.path.basename(path): read(path) for path in paths}
    for name, settings in found.items():
        common = [f"{IMAGES}/*/{PLACES}/imagegen-.service.d/*.conf"] if name.startswith("imagegen-") else []
        for pattern in [*common, f"{IMAGES}/*/{PLACES}/{glob.escape(name)}.d/*.conf"]:
            for path in sorted(glob.glob(pattern), key=os.path.basename):
                settings.update(read(path))
    return found


class Limits(unittest.TestCase):
    def test_every_service_is_bounded_in_memory_and_tasks(self):
        self.assertGreater(len(units()), 18)
        for name, settings in units().items():
            self.assertRegex(settings.get("MemoryMax", ""), r"^\d+[MG%]$", name)
            self.assertRegex(settings.get("TasksMax", ""), r"^\d+$", name)

    def test_every_service_that_goes_on_comes_back_however_often_it_ends(self):
        for name, settings in units().items():
            if settings.get("Type") == "oneshot":
                continue
            self.assertIn(settings.get("Restart"), ("always", "on-failure"), name)
            # systemd gives up where a unit starts five times in ten seconds.
            often = float(settings.get("RestartSec", "0.1")) * 4 <= 10
            self.assertFalse(often and settings.get("StartLimitIntervalSec") != "0", name)

    def test_the_page_waits_for_what_it_stands_on_to_be_tried_again(self):
        for name in ("imagegen-hub-setup.service", "imagegen-passwords.service"):
            settings = units()[name]
            self.assertEqual((settings["Restart"], settings["RestartMode"]), ("on-failure", "direct"), name)

    def test_what_a_service_may_take_grows_with_the_class(self):
        with tempfile.TemporaryDirectory() as folder:
            before = {}
            for count, jupyterhub in ((0, 512), (30, 572), (1000, 2512)):
                users = {f"s{number}": User(2000 + number, 2000 + number) for number in range(count)}
                project.replace(self, limits, table=lambda users=users: Table(users, {}))
                limits.write(folder)
                now = {unit: int(read(f"{folder}/{unit}.d/sized.conf")["MemoryMax"]) for unit in limits.SHARES}
                self.assertEqual(now["jupyterhub.service"], jupyterhub * limits.MIB)
                for unit, most in now.items():
                    self.assertGreater(most, before.get(unit, 0), unit)
                before = now

    def test_the_sizes_of_the_class_are_read_after_those_of_the_image(self):
        for unit, share in limits.SHARES.items():
            (path,) = glob.glob(f"{IMAGES}/*/{PLACES}/{unit}.d/limits.conf")
            self.assertLess(os.path.basename(path), "sized.conf")
            self.assertEqual(read(path)["MemoryMax"], f"{share.base}M", unit)

    def test_systemd_understands_every_limit(self):
        """It says what it ignores."""
        with tempfile.TemporaryDirectory() as folder:
            for path in glob.glob(f"{IMAGES}/*/{PLACES}/*.d/limits.conf"):
                unit = f"{folder}/{os.path.basename(os.path.dirname(path)).removesuffix('.d').replace('@', '')}"
                with open(path) as limit, open(unit, "w") as file:
                    file.write(limit.read() + "ExecStart=/bin/true\n")
                done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True)
                said = [line for line in done.stderr.splitlines() if folder in line and "RestartMode" not in line]
                self.assertEqual(said, [])


if __name__ == "__main__":
    unittest.main()
