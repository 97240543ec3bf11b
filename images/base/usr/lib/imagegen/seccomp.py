"""Which system calls containers may make: those of `seccomp.json`, unless the workshop says otherwise.

The file is Docker 26.1.5's own profile (moby's profiles/seccomp/default.json, under the Apache License 2.0) without the
sockets that no notebook needs, those of AF_ALG and the rare families, and without the system calls of 32-bit x86, by
which a program could ask for the same sockets unseen. `.ci/docker-guards` compares both on a dockerd."""

import json

from imagegen.docker_options import OPTIONS
from imagegen.files import write_whole

PROFILE = "/usr/lib/imagegen/seccomp.json"


def choose(options: str = OPTIONS) -> None:
    """Puts our profile into Docker's options where they name none."""
    with open(options) as file:
        found = json.load(file)
    if not found.get("seccomp-profile"):
        write_whole(options, json.dumps({**found, "seccomp-profile": PROFILE}, indent=2) + "\n")


if __name__ == "__main__":
    choose()
