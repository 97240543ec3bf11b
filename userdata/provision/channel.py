"""The line to the imagegen that waits outside, and how commands are run and told of."""
import json
import os
import subprocess

FOLDER = os.path.dirname(os.path.abspath(__file__))
PORT = "/dev/virtio-ports/imagegen"
# How much of what a failed command said is worth a message, in characters.
TAIL = 3000


class Failed(Exception):
    """What was tried, and the end of what came of it."""

    def __init__(self, what, log=""):
        super().__init__(what)
        self.what, self.log = what, log[-TAIL:]


def tell(**word):
    """One word with its meaning, as a line of JSON."""
    with open(PORT, "wb", buffering=0) as port:
        port.write(json.dumps(word).encode() + b"\n")


def settings():
    with open(f"{FOLDER}/settings.json") as file:
        return json.load(file)


def run(what, *command, aloud=True, **options):
    """Runs a command to its end; what it says goes to the console's log and, if it fails, to imagegen."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, errors="replace", **options)
    if aloud:
        print(done.stdout, end="", flush=True)
    if done.returncode:
        raise Failed(f"{what} (exit code {done.returncode})", done.stdout)
    return done.stdout
