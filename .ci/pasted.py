#!/usr/bin/env python3
"""Runs in a system with Debian's cloud-init and with the programs of a golden image.

Whatever happened to a text on its way, the machine becomes what cloud-init by itself makes of the text as it was
printed, or nothing is done.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import time

from cloudinit.cmd import main as cloud_init

from imagegen import start
from spoilings import CURABLE, CURABLE_PACKED, without_last_line

FOLDER = os.path.dirname(os.path.abspath(__file__))
SEED = "/var/lib/cloud/seed/config_drive/openstack/latest"
# What texts write to, and cloud-init's own state.
TOUCHED = ("/etc", "/usr/local", "/var/lib/imagegen", "/var/lib/imagegen-admin", "/var/lib/cloud", "/run/cloud-init")
PRISTINE = "/root/pristine"
RUNCMD = "/var/lib/cloud/instance/scripts/runcmd"
# Nothing but what a text of imagegen has keys for: the disks and the name of the machine are not this system's.
CONFIG = """
datasource_list: [ConfigDrive, None]
network: {config: disabled}
preserve_hostname: true
cloud_init_modules: [imagegen, bootcmd, write_files, users_groups]
"""
# What the image's configuration adds to Debian's, and this takes away.
BY_ITSELF = """
allow_userdata: true
cloud_init_modules: [bootcmd, write_files, users_groups]
"""


def configure(text):
    """Adds to the image's configuration of cloud-init."""
    with open("/etc/cloud/cloud.cfg.d/99-test.cfg", "w") as file:
        file.write(text)


def prepare():
    """Makes a system of packages that were only unpacked, and keeps a copy of what texts will change."""
    for name in ("passwd", "group"):
        shutil.copy(f"/usr/share/base-passwd/{name}.master", f"/etc/{name}")
    for name in ("shadow", "gshadow"):
        open(f"/etc/{name}", "w").close()
    configure(CONFIG)
    os.makedirs(SEED)
    with open(f"{SEED}/meta_data.json", "w") as file:
        file.write('{"uuid": "00000000-0000-4000-8000-000000000000"}\n')
    for path in TOUCHED:
        if os.path.exists(path):
            shutil.copytree(path, PRISTINE + path, symlinks=True)


def reset():
    """The system before its first boot."""
    for path in TOUCHED:
        shutil.rmtree(path, ignore_errors=True)
        if os.path.exists(PRISTINE + path):
            shutil.copytree(PRISTINE + path, path, symlinks=True)


def run(*words):
    """Runs cloud-init in a child of this process, where all of it is loaded already."""
    child = os.fork()
    if child == 0:
        for stream in (sys.stdout, sys.stderr):
            os.dup2(os.open("/root/said", os.O_WRONLY | os.O_CREAT | os.O_APPEND), stream.fileno())
        os._exit(cloud_init.main(["cloud-init", *words]))
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def boot(text):
    """What a machine does until its later stages, of which one is tried: what it has to run."""
    with open(f"{SEED}/user_data", "wb") as file:
        file.write(text)
    run("init", "--local")
    run("init")
    run("single", "--name", "runcmd", "--frequency", "always")


def refusal():
    """Why the machine starts nothing; none where it would start."""
    try:
        start.accepted("node")
    except start.Refusal as reason:
        return str(reason)
    return None


def tree():
    """All that a text has made: files with their modes and contents, accounts among them, and what is left to run."""
    found = {}
    for folder in TOUCHED[:4]:
        for path, _, names in os.walk(folder):
            for name in names:
                full = f"{path}/{name}"
                if os.path.isfile(full) and not full.endswith("-"):
                    with open(full, "rb") as file:
                        # cloud-init notes the time in comments.
                        content = b"".join(line for line in file if not line.startswith(b"# "))
                    found[full] = oct(os.stat(full).st_mode), hashlib.sha256(content).hexdigest()
    if os.path.exists(RUNCMD):
        with open(RUNCMD) as file:
            found[RUNCMD] = file.read()
    return found


def expect(what, seen, wanted):
    """Ends the test where two things that should be the same are not."""
    if seen != wanted:
        names = sorted(name for name in seen.keys() | wanted.keys() if seen.get(name) != wanted.get(name))
        sys.exit(f"{what}: other than with the text as it was printed: {', '.join(names)}")


def expect_same_machine(what, text, wanted):
    """Boots twice: what has been changed since the first time stays so."""
    reset()
    boot(text)
    if reason := refusal():
        sys.exit(f"{what}: {reason}")
    expect(what, tree(), wanted)
    with open("/etc/docker/daemon.json", "w") as file:
        file.write("{}\n")
    after = tree()
    boot(text)
    if reason := refusal():
        sys.exit(f"{what}, booted again: {reason}")
    expect(f"{what}, booted again", tree(), after)


def expect_nothing(what, text, words):
    """Refused at each boot, and nothing done at all."""
    reset()
    before = tree()
    for _ in range(2):
        boot(text)
        if words not in (refusal() or ""):
            sys.exit(f"{what}: {refusal()}")
        expect(what, tree(), before)


def machine(text):
    """The machine that cloud-init by itself makes of a sound text."""
    reset()
    configure(CONFIG + BY_ITSELF)
    boot(text)
    configure(CONFIG)
    found = tree()
    for path in ("/etc/imagegen/settings.json", "/etc/imagegen/users", RUNCMD):
        if path not in found:
            sys.exit(f"cloud-init has not written {path}")
    return found


def spoiled(text):
    """What is refused, with words of the reason."""
    return {
        "nothing": (b"", "got no user-data"),
        "cut off": (text[:-200], "is cut off"),
        "no last line": (without_last_line(text), "is cut off"),
        "a script": (b"#!/bin/sh\ntouch /etc/oops\n", "is a script"),
        "a script for the network stage": (b"#cloud-boothook\n#!/bin/sh\n:>/etc/oops\n", "is a script"),
        "another's": (b"#cloud-config\nbootcmd: [[touch, /etc/oops]]\n", "is a cloud-config"),
        "another role's": (text.replace(b'"role": "node"', b'"role": "hub"'), "This is the user-data of a hub"),
        "a later level's": (text.replace(b'"level": ', b'"level": 9'), "is too old for its user-data"),
        "undecodable MIME": (b"\xa0\nMIME-Version: 1.0\nContent-Type: text/plain\n\n\xff", "is a MIME message"),
    }


def main():
    prepare()
    began, count = time.time(), 0
    for name, spoilings in (("plain", CURABLE), ("packed", CURABLE_PACKED)):
        with open(f"{FOLDER}/{name}", "rb") as file:
            text = file.read()
        wanted = machine(text)
        for spoiling, spoil in {"printed": bytes, **spoilings}.items():
            expect_same_machine(f"{name}, {spoiling}", spoil(text), wanted)
            count += 1
        for what, (raw, words) in spoiled(text).items() if name == "plain" else ():
            expect_nothing(what, raw, words)
            count += 1
    version = subprocess.run(["cloud-init", "--version"], capture_output=True, text=True, check=True)
    said = f"{version.stdout.strip()}{version.stderr.strip()}"
    print(
        f"{said} makes the right machine of {count} texts, spoiled or not, in {time.time() - began:.0f} s",
        file=sys.stderr,
    )


main()
