"""How much the instances' services may do, by the judgement of `systemd-analyze security`."""

import glob
import os
import shutil
import subprocess
import unittest

import yaml

import project

UNITS = "etc/systemd/system"
OVERLAYS = ("images/base", "images/hub")
RECIPES = ("images/base.yaml", "images/hub.yaml")
# In tenths: systemd calls up to 5.0 medium.
MOST = 40


def lay_out(root):
    """Puts the units into a folder as they are on a hub."""
    for overlay in OVERLAYS:
        shutil.copytree(os.path.join(project.PROJECT, overlay, UNITS), f"{root}/{UNITS}", dirs_exist_ok=True)
        library = os.path.join(project.PROJECT, overlay, "usr/lib/imagegen/units")
        if os.path.isdir(library):
            shutil.copytree(library, f"{root}/usr/lib/imagegen/units", dirs_exist_ok=True)
    for unit in glob.glob(os.path.join(project.PROJECT, "userdata/node/*.service")):
        shutil.copy(unit, f"{root}/{UNITS}")
    for recipe in RECIPES:
        with open(os.path.join(project.PROJECT, recipe)) as file:
            links = yaml.safe_load(file)["links"]
        for link, target in links.items():
            if link.startswith(UNITS):
                os.makedirs(os.path.dirname(f"{root}/{link}"), exist_ok=True)
                os.symlink(target, f"{root}/{link}")


def judge(root, unit):
    """Nothing, or what systemd-analyze says of a unit that may do too much."""
    command = ["systemd-analyze", "security", f"--root={root}", "--offline=true", f"--threshold={MOST}", unit]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip().splitlines()[-1] if done.returncode else ""


class Units(project.Folder):
    def setUp(self):
        super().setUp()
        lay_out(self.root)

    def test_no_service_may_do_more_than_it_must(self):
        units = glob.glob(f"{self.root}/{UNITS}/*.service")
        self.assertGreater(len(units), 15)
        self.assertEqual([said for unit in sorted(units) if (said := judge(self.root, unit))], [])

    def test_a_service_without_bounds_is_found(self):
        with open(f"{self.root}/{UNITS}/other.service", "w") as file:
            file.write("[Service]\nExecStart=/bin/true\n")
        self.assertIn("UNSAFE", judge(self.root, f"{self.root}/{UNITS}/other.service"))


if __name__ == "__main__":
    unittest.main()
