"""Whether the programs that ordinary images get find each other. Usage: stock.py HUB_USER_DATA NODE_USER_DATA"""

import ast
import fnmatch
import os
import shutil
import subprocess
import sys
import tempfile

import unpack

LIBRARY = "usr/lib/imagegen"
# What a hub hands to nodes of a workshop whose table of users leaves no room for programs (imagegen.hub.exchange).
SHARED = (f"{LIBRARY}/*.py", f"{LIBRARY}/node/*.py")
# Imports everything, and prepares a machine with settings of its own and without consequences.
PROGRAM = """
import importlib, json, pkgutil, sys
sys.path.insert(0, sys.argv[1] + "/usr/lib")
import imagegen
names = [each.name for each in pkgutil.walk_packages(imagegen.__path__, "imagegen.", onerror=lambda name: None)]
modules = {name: importlib.import_module(name) for name in names}
from imagegen import prepare
steps = {"accounts": "main", "docker_options": "data_root", "firewall": "write", "identity": "renew"}
steps |= {"local_homes": "keep", "classic.listener": "open_docker", "hub.exchange": "wait_for_table"}
for name, step in steps.items():
    setattr(modules.get(f"imagegen.{name}"), step, lambda *_: None) if f"imagegen.{name}" in modules else None
modules["imagegen.docker_options"].fit_mtu = lambda *_: None
with open(sys.argv[1] + "/etc/imagegen/settings.json") as file:
    config = json.load(file)
prepare.settings = lambda: config
prepare.os.makedirs = lambda *_, **__: None
prepare.main()
print(*names)
"""


def programs(root: str) -> list[str]:
    """The paths of all programs."""
    found = (os.path.join(inner, name) for inner, _, names in os.walk(root) for name in names)
    return [os.path.relpath(path, root) for path in found if path.endswith(".py")]


def expect_imports(root: str) -> None:
    """Has Python import each module and what the programs beside the package import."""
    done = subprocess.run(["/usr/bin/python3", "-BI", "-c", PROGRAM, root], capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    modules = set(done.stdout.split())
    for path in programs(f"{root}/etc"):
        with open(f"{root}/etc/{path}") as file:
            tree = ast.parse(file.read())
        wanted = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}
        missing = {name for name in wanted if name.startswith("imagegen.")} - modules
        if missing:
            sys.exit(f"{path} imports {missing}")


def main(hub: str, node: str) -> None:
    """Looks at both, and at a node as it is when it has fetched the hub's programs."""
    with tempfile.TemporaryDirectory() as folder:
        roots = {"hub": f"{folder}/hub", "node": f"{folder}/node"}
        unpack.main(hub, roots["hub"])
        unpack.main(node, roots["node"])
        if os.path.exists(f"{roots['node']}/{LIBRARY}/fetch.py"):
            for path in programs(roots["hub"]):
                if any(fnmatch.fnmatchcase(path, shared) and path.count("/") == shared.count("/") for shared in SHARED):
                    os.makedirs(os.path.dirname(f"{roots['node']}/{path}"), exist_ok=True)
                    shutil.copy(f"{roots['hub']}/{path}", f"{roots['node']}/{path}")
            os.remove(f"{roots['node']}/{LIBRARY}/fetch.py")  # Runs as it is imported.
        for root in roots.values():
            expect_imports(root)


if __name__ == "__main__":
    main(*sys.argv[1:])
