"""The line to the imagegen that waits outside, and how commands are run and reported."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING, Any, TypedDict

if TYPE_CHECKING:
    from hygiene import Rules

FOLDER = os.path.dirname(os.path.abspath(__file__))
PORT = "/dev/virtio-ports/imagegen"
# How much of a failed command's output is worth a message, in characters.
TAIL = 3000


class Bundle(TypedDict):
    """Locked packages of Python or npm."""

    path: str
    into: str
    python: bool
    file: str


class Script(TypedDict):
    """A script of a recipe, by its path there and in this folder."""

    path: str
    file: str


class Step(TypedDict):
    """What a recipe adds to the one below it."""

    recipe: str
    packages: list[str]
    sets: list[Bundle]
    scripts: list[Script]


class Settings(TypedDict):
    """What imagegen has to say (src/build/provision/payload.rs)."""

    steps: list[Step]
    installer: str
    overlay: str
    hosts: str
    rules: Rules


class Failed(Exception):
    """What was tried, and the end of what was said."""

    def __init__(self, what: str, log: str = "") -> None:
        super().__init__(what)
        self.what, self.log = what, log[-TAIL:]


def tell(**message: object) -> None:
    """One message, as a line of JSON."""
    with open(PORT, "wb", buffering=0) as port:
        port.write(json.dumps(message).encode() + b"\n")


def settings() -> Settings:
    """What this machine is told."""
    with open(f"{FOLDER}/settings.json") as file:
        value: Settings = json.load(file)
    return value


def run(what: str, *command: str, **options: Any) -> str:
    """Runs a command and gives its output, which goes to the console's log too and, if it fails, to imagegen."""
    output = run_quietly(what, *command, **options)
    print(output, end="", flush=True)
    return output


def run_quietly(what: str, *command: str, **options: Any) -> str:
    """The same, without the console."""
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        **options,
    )
    if done.returncode:
        raise Failed(f"{what} (exit code {done.returncode})", done.stdout)
    output: str = done.stdout
    return output
