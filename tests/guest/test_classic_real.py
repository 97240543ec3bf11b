"""Which archives `.ci/classic-real` takes for the classic engine's images, and what becomes of them."""

import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import unittest
from pathlib import Path

import project

sys.path.append(os.path.join(project.PROJECT, ".ci"))
import classic_archives

SCRIPT = os.path.join(project.PROJECT, ".ci/classic-real")
SWARM, CONSUL = "swarm:1.2.9", "hashicorp/consul:1.20.1"
# In the place of imagegen: prints user-data itself, and notes what is to be built and rehearsed, with what.
PROGRAM = """#!/bin/sh
case $1 in
hub) exec "$REAL" "$@" ;;
build)
    tail -n 1 "$5/hub.yaml" "$5/node.yaml"
    for archive in "$5"/engine/*; do cmp "$archive" "$FOLDER/${archive##*/}"; done
    ;;
esac
echo "$@"
"""


def saved(path, *tags, entries=1, architecture="amd64"):
    """What `docker save` writes, as far as names go."""
    config = json.dumps({"os": "linux", "architecture": architecture, "rootfs": {"type": "layers", "diff_ids": []}})
    name = hashlib.sha256(config.encode()).hexdigest() + ".json"
    rows = [{"Config": name, "RepoTags": list(tags) or None, "Layers": []}] * entries
    write(path, {name: config, "manifest.json": json.dumps(rows)})


def write(path, files):
    with tarfile.open(path, "w") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))


class Archives(project.Folder):
    def fault(self):
        return classic_archives.fault(Path(self.root, "swarm.tar"), SWARM)

    def saved(self, *tags, **more):
        saved(f"{self.root}/swarm.tar", *tags, **more)
        return self.fault()

    def test_one_image_with_the_workshops_name_is_taken(self):
        self.assertIsNone(self.saved(SWARM))

    def test_an_oci_archive_says_its_name_in_its_index(self):
        for note in ({"io.containerd.image.name": SWARM}, {"org.opencontainers.image.ref.name": SWARM}):
            write(f"{self.root}/swarm.tar", {"index.json": json.dumps({"manifests": [{"annotations": note}]})})
            self.assertIsNone(self.fault())
        write(f"{self.root}/swarm.tar", {"index.json": json.dumps({"manifests": [{}]})})
        self.assertEqual(self.fault(), "it has an image without a name")

    def test_others_are_told_by_what_they_have(self):
        self.assertEqual(self.fault(), "it is not there")
        self.assertEqual(self.saved("swarm:1.2.8"), "it has swarm:1.2.8")
        # By this name Docker would not find it.
        self.assertEqual(self.saved("docker.io/library/swarm:1.2.9"), "it has docker.io/library/swarm:1.2.9")
        self.assertEqual(self.saved(SWARM, "swarm:latest"), f"it has {SWARM}, swarm:latest")
        self.assertEqual(self.saved(SWARM, entries=2), f"it has {SWARM}, {SWARM}")
        self.assertEqual(self.saved(), "it has an image without a name")
        self.assertEqual(self.saved(SWARM, architecture="arm64"), "its image is for linux/arm64")

    def test_what_is_no_archive_of_an_image_is_told(self):
        write(f"{self.root}/swarm.tar", {"etc/hostname": "a"})
        self.assertEqual(self.fault(), "it is no archive of a container image")
        write(f"{self.root}/swarm.tar", {"manifest.json": "[]"})
        self.assertEqual(self.fault(), "it is no archive of a container image")
        self.write("swarm.tar", "no tar")
        self.assertEqual(self.fault(), "it is no archive of a container image")


class Script(project.Folder):
    def setUp(self):
        super().setUp()
        self.program = self.write("imagegen", PROGRAM)
        os.chmod(self.program, 0o755)

    def run_it(self, *more):
        surroundings = {"IMAGEGEN": self.program, "REAL": os.environ["IMAGEGEN"], "FOLDER": self.root}
        command = [SCRIPT, self.root, *more]
        return subprocess.run(command, env={**os.environ, **surroundings}, capture_output=True, text=True)

    def test_without_archives_it_says_what_is_expected_and_builds_nothing(self):
        saved(f"{self.root}/swarm.tar", "swarm:1.2.8")
        done = self.run_it()
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn(f"/consul.tar: it is not there; expected is {CONSUL} for linux/amd64", done.stderr)
        self.assertIn(f"/swarm.tar: it has swarm:1.2.8; expected is {SWARM} for linux/amd64", done.stderr)
        self.assertIn(f"`docker save --output swarm.tar {SWARM}`", done.stderr)
        self.assertNotIn("build", done.stdout)

    def test_the_hub_carries_both_and_a_node_the_swarm_and_no_stand_ins_are_brought(self):
        saved(f"{self.root}/swarm.tar", SWARM)
        saved(f"{self.root}/consul.tar", CONSUL)
        done = self.run_it()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("containers: [engine/consul.tar, engine/swarm.tar]", done.stdout)
        self.assertIn("containers: [notebook, engine/swarm.tar]", done.stdout)
        rehearsal = done.stdout.splitlines()[-1]
        self.assertRegex(rehearsal, "^rehearse .*--students 1 .*--workshop .*/classic.yaml --real-engine$")

    def test_a_workshop_may_name_others(self):
        workshop = self.write("w.yaml", "version: 1\nengine: classic\nclassic: {swarm_image: 'swarm:1.2.8'}\n")
        saved(f"{self.root}/swarm.tar", "swarm:1.2.8")
        saved(f"{self.root}/consul.tar", CONSUL)
        done = self.run_it(workshop)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(f"--workshop {os.path.realpath(workshop)} --real-engine", done.stdout)

    def test_another_engine_has_none_of_them(self):
        done = self.run_it(self.write("w.yaml", "version: 1\n"))
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("the workshop does not have `engine: classic`", done.stderr)


if __name__ == "__main__":
    unittest.main()
