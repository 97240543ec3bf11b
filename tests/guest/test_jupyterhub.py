"""Runs the tests that need the packages of the hub's image."""

import os
import subprocess
import unittest

import project

PYTHON = os.path.join(project.PROJECT, "target/python/bin/python")


class JupyterHub(unittest.TestCase):
    def run_on_jupyterhub(self, name):
        self.assertTrue(os.path.exists(PYTHON), f"there is no {PYTHON}: run `.ci/setup test`, which makes it")
        command = [PYTHON, "-B", os.path.join(project.PROJECT, "tests/guest", name)]
        done = subprocess.run(command, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stderr, r"Ran [1-9]\d* tests")

    def test_settings_spawner_and_page_in_the_real_one(self):
        self.run_on_jupyterhub("on_jupyterhub.py")

    def test_failed_starts_in_the_real_one(self):
        self.run_on_jupyterhub("failed_starts.py")


if __name__ == "__main__":
    unittest.main()
