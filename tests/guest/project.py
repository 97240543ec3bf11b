"""Lets the tests import the scripts as they are on an instance: all in one folder."""
import os
import sys

PROJECT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
for _role in ("common", "hub", "swarm", "classic", "plain", "rehearsal"):
    sys.path.insert(0, os.path.join(PROJECT, "userdata", _role))
