"""Writes the options of docker-options.yaml as dockerd reads them, and looks whether imagegen writes those that are
sound in the same way. Usage: docker_cases.py OPTIONS CASES COMMAND..."""

import base64
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

Options = dict[str, Any]


def merged(there: Options, more: Options) -> Options:
    both = {key: value for key, value in more.items() if isinstance(value, dict) and isinstance(there.get(key), dict)}
    return there | more | {key: merged(there[key], value) for key, value in both.items()}


def rendered(docker: Options) -> Options:
    """The keys of the section `docker` that the file uses, as in `Docker::daemon_json`."""
    options = {key: value for key, value in docker.get("options", {}).items() if value is not None}
    base: Options = {"log-driver": "json-file", "mtu": 1500}
    if options.get("log-driver", "json-file") in ("json-file", "local"):
        files = str(docker.get("log_max_files", 3))
        base["log-opts"] = {"max-size": docker.get("log_max_size", "10m"), "max-file": files}
    if pools := docker.get("address_pools"):
        base["default-address-pools"] = pools
    return merged(base, options)


def made(docker: Options, command: list[str]) -> Options:
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        yaml.safe_dump({"version": 1, "docker": docker}, file)
        file.flush()
        run = subprocess.run([*command, "--workshop", file.name], capture_output=True, text=True, check=False)
    if run.returncode:
        sys.exit(f"imagegen refuses {docker}:\n{run.stderr}")
    files = yaml.safe_load(run.stdout)["write_files"]
    entry = next(entry for entry in files if entry["path"] == "/etc/docker/daemon.json")
    encoded = entry.get("encoding") == "b64"
    options: Options = json.loads(base64.b64decode(entry["content"]) if encoded else entry["content"])
    return options


options, cases, *command = sys.argv[1:]
table = yaml.safe_load(Path(options).read_text())
for kind in ("sound", "elsewhere"):
    for docker in table[kind]:
        if made(docker, command) != rendered(docker):
            sys.exit(f"imagegen writes {docker} in another way")
every = [(kind, docker, rendered(docker)) for kind, entries in table.items() for docker in entries]
Path(cases).write_text(json.dumps(every))
