"""Lets the tests import the package of the instances, without leaving compiled files where images are made from."""

import os
import sys
import tempfile
import unittest
from typing import Any
from unittest import mock

PROJECT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LIBRARY = os.path.join(PROJECT, "images/base/usr/lib")
sys.dont_write_bytecode = True
if LIBRARY not in sys.path:
    sys.path.insert(0, LIBRARY)


def replace(test: unittest.TestCase, module: object, **names: Any) -> None:
    """Gives names in a module other values until the test ends."""
    patch = mock.patch.multiple(module, **names)
    patch.start()
    test.addCleanup(patch.stop)


class Folder(unittest.TestCase):
    """A test with a folder of its own, `self.root`."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = folder.name

    def write(self, name: str, text: str = "") -> str:
        """Puts a file there, and gives its path."""
        path = f"{self.root}/{name}"
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(text)
        return path

    def read(self, name: str) -> str:
        """The text of a file there."""
        with open(f"{self.root}/{name}") as file:
            return file.read()
