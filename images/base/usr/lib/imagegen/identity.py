"""A snapshot of a used machine carries its Docker identity, which two machines must not share."""

import os
import shutil

from imagegen.console import say
from imagegen.files import write_whole

INSTANCE = "/var/lib/cloud/data/instance-id"
REMEMBERED = "/var/lib/imagegen/instance-id"


def renew(root: str, instance: str = INSTANCE, remembered: str = REMEMBERED) -> None:
    """A snapshot of a used machine carries its Docker identity. Where the cloud says that this is another instance than
    the one on the disk, the identity goes before dockerd starts, and dockerd makes a new one."""
    with open(instance) as file:
        current = file.read().strip()
    try:
        with open(remembered) as file:
            before = file.read().strip()
    except FileNotFoundError:
        before = current
    if before != current:
        shutil.rmtree(f"{root}/swarm", ignore_errors=True)
        if os.path.exists(f"{root}/engine-id"):
            os.remove(f"{root}/engine-id")
        say("This machine is a copy of another instance: Docker gets an identity of its own.")
    os.makedirs(os.path.dirname(remembered), exist_ok=True)
    write_whole(remembered, f"{current}\n")
