"""Prints who a kernel is and where, and that it writes at home and reads there what an earlier kernel wrote."""

import getpass
import json
import os
import socket

path = os.path.expanduser("~/from-a-notebook")
found = ""
if os.path.exists(path):
    with open(path, encoding="utf-8") as file:
        found = file.read()
with open(path, "w", encoding="utf-8") as file:
    file.write("written in a notebook\n")
print(
    json.dumps(
        {
            "found": found,
            "uid": os.getuid(),
            "gid": os.getgid(),
            "groups": os.getgroups(),
            "home": os.path.expanduser("~"),
            "name": getpass.getuser(),
            "node": os.environ.get("IMAGEGEN_NODE", ""),
            "container": socket.gethostname(),
            "folder": os.getcwd(),
        }
    )
)
