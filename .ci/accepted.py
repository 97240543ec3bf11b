#!/usr/bin/env python3
"""Runs in a system with cloud-init: has it look at every user-data in this folder."""

import glob
import os
import subprocess
import sys

from cloudinit import helpers
from cloudinit.cmd import main as command
from cloudinit.user_data import UserDataProcessor

FOLDER = os.path.dirname(os.path.abspath(__file__))


def parts(path):
    """The parts that cloud-init finds in a text, each as its type and content."""
    with open(path, "rb") as file:
        message = UserDataProcessor(helpers.Paths({})).process(file.read())
    single = [part for part in message.walk() if not part.is_multipart()]
    return [(part.get_content_type(), part.get_payload(decode=True)) for part in single]


def expect_accepted(path):
    """Runs `cloud-init schema -c` in a child of this process, where all of cloud-init is loaded already."""
    child = os.fork()
    if child == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(command.main(["cloud-init", "schema", "-c", path]))
    if os.waitpid(child, 0)[1] != 0:
        sys.exit(f"{path}: cloud-init refuses it")


def main():
    texts = sorted(set(glob.glob(f"{FOLDER}/*.nova") + glob.glob(f"{FOLDER}/*.horizon")))
    if len(texts) < 16:
        sys.exit("there are not enough texts to look at")
    compressed, distinct = 0, set()
    for path in texts:
        found = parts(path)
        if [kind for kind, _ in found] != ["text/cloud-config"]:
            sys.exit(f"{path}: cloud-init finds {[kind for kind, _ in found]}")
        with open(path, "rb") as file:
            compressed += not file.read().startswith(b"#cloud-config")
        inner = f"{path}.inner"
        # A short workshop has the same text in every form.
        if found[0][1] in distinct:
            continue
        distinct.add(found[0][1])
        with open(inner, "wb") as file:
            file.write(found[0][1])
        expect_accepted(inner)
    if not compressed:
        sys.exit("no text is compressed as a whole: that would go untested")
    version = subprocess.run(["cloud-init", "--version"], capture_output=True, text=True, check=True)
    name = version.stdout.strip() + version.stderr.strip()
    print(f"{name} accepts {len(texts)} user-data, {compressed} of them compressed", file=sys.stderr)


main()
