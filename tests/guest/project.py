"""Lets the tests import the package of the instances, without leaving compiled files where images are made from."""

import os
import sys
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
