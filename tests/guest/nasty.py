"""Compares a user-data with the workshop.yaml beside it, by the readers of an instance: PyYAML, gzip, JSON, our own
reader of the UID table, and the C library's of /etc/passwd. Usage: nasty.py USER_DATA"""

import ctypes
import json
import os
import shutil
import sys
import tempfile

import project  # noqa: F401  (sets the path)
import unpack
from imagegen import accounts


class Passwd(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char_p),
        ("password", ctypes.c_char_p),
        ("uid", ctypes.c_uint),
        ("gid", ctypes.c_uint),
        ("gecos", ctypes.c_char_p),
        ("home", ctypes.c_char_p),
        ("shell", ctypes.c_char_p),
    ]


def passwd_entries(path):
    """fgetpwent(3) over the whole file."""
    libc = ctypes.CDLL(None)
    libc.fopen.restype = ctypes.c_void_p
    libc.fgetpwent.restype = ctypes.POINTER(Passwd)
    libc.fgetpwent.argtypes = [ctypes.c_void_p]
    stream = libc.fopen(path.encode(), b"r")
    entries = {}
    while entry := libc.fgetpwent(stream):
        entries[entry[0].name.decode()] = entry[0].uid
    return entries


def applied(table, folder):
    for name in accounts.FILES:
        with open(f"{folder}/{name}", "w"):
            pass
    accounts.announce = lambda _: None
    accounts.main(table, folder, "/home")
    return passwd_entries(f"{folder}/passwd")


def same(what, left, right):
    if left != right:
        sys.exit(f"{what}: {left!r} is not {right!r}")


def main(source):
    with open("workshop.yaml") as file:
        workshop = json.load(file)
    with open(source) as file:
        text = file.read()
    text.encode("ascii")
    config = unpack.cloud_config(text)
    files = {entry["path"]: unpack.content(entry) for entry in config["write_files"]}
    for wanted in workshop["node"]["files"]:
        same(wanted["path"], files.get(wanted["path"]), wanted["content"].encode())
    tag = workshop["docker"]["options"]["log-opts"]["tag"]
    same("tag", json.loads(files["/etc/docker/daemon.json"])["log-opts"]["tag"], tag)
    same("keys", config["users"][0]["ssh_authorized_keys"], workshop["admin_ssh_keys"])
    folder = tempfile.mkdtemp()
    try:
        with open(f"{folder}/table", "wb") as file:
            file.write(files["/etc/imagegen/users"])
        os.chmod(folder, 0o700)
        entries = applied(f"{folder}/table", folder)
    finally:
        shutil.rmtree(folder)
    same("users", entries, {user["name"]: user["uid"] for user in workshop["users"]})


main(*sys.argv[1:])
