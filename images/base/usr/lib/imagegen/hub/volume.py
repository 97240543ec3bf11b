"""Mounts the volume with the homes. It is formatted if it is blank; one with anything else on it is left alone, unless
the file system is ours, or the workshop says `adopt`."""

from __future__ import annotations

import glob
import os
import stat
import subprocess
import time

from imagegen.console import announce, fail
from imagegen.settings import settings

BY_ID = "/dev/disk/by-id"
UNKNOWN = 2  # blkid's exit status where it finds no signature
LOOKED_AT = 1 << 20  # bytes
LABEL = "imagegen-homes"
OURS = (LABEL, "homes")  # The second is of imagegen's first versions.
# What a cloud gives beside volumes: Nova's ephemeral disk, which goes with the machine, and the config drive.
CLOUDS = ("ephemeral0", "config-2")
ADOPT = "`adopt: true` takes an ext4 file system that is neither imagegen's nor the cloud's."


def signature(device: str) -> str:
    """What blkid finds on it, one `NAME=value` a line; nothing on one that is blank, in the first MiB as well."""
    probe = subprocess.run(["blkid", "-p", "-o", "export", device], capture_output=True, text=True, check=False)
    with open(device, "rb") as disk:
        if probe.returncode == UNKNOWN and not any(disk.read(LOOKED_AT)):
            return ""
    return probe.stdout or "TYPE=unknown data"  # Also where signatures contradict each other.


def objection(found: str, adopt: bool) -> str:
    """What is on a volume with this signature, if the homes cannot be there."""
    values = dict(line.split("=", 1) for line in found.splitlines())
    label = values.get("LABEL")
    if not found or values.get("TYPE") == "ext4" and label not in CLOUDS and (adopt or label in OURS):
        return ""
    return (
        " ".join(f"{name}={values[name]}" for name in ("PTTYPE", "TYPE", "LABEL") if name in values) or "unknown data"
    )


def find(volume: str) -> str | None:
    """The disk of a path or of a Cinder volume's UUID, of which virtio hands on 20 characters; None until it is
    attached."""
    names = [volume]
    if "/" not in volume:
        names = [f"{BY_ID}/virtio-{volume[:20]}", *glob.glob(f"{BY_ID}/*{volume}")]
    return next(filter(is_block_device, names), None)


def is_block_device(path: str) -> bool:
    """Whether it is there, and a disk."""
    try:
        return stat.S_ISBLK(os.stat(path).st_mode)
    except FileNotFoundError:
        return False


def wait_for(volume: str) -> str:
    """Its device, once it is attached."""
    if not find(volume):
        announce(f"Waiting for the volume {volume}, which holds the homes.")
    while not (device := find(volume)):
        time.sleep(2)
    return device


def mount(device: str, folder: str, adopt: bool) -> None:
    """Formats it if it is blank, and mounts it."""
    found = signature(device)
    if trouble := objection(found, adopt):
        fail(f"The volume {device} holds {trouble}: nothing is changed on it, and there are no homes. {ADOPT}")
    try:
        os.close(os.open(device, os.O_EXCL))
        if not found:
            subprocess.run(["mkfs.ext4", "-q", "-m", "0", "-L", LABEL, device], check=True)
            announce(f"The volume {device} was blank, and has a file system now.")
        subprocess.run(["mount", "-t", "ext4", "-o", "nosuid,nodev", device, folder], check=True)
    except (OSError, subprocess.SubprocessError) as error:
        fail(f"The volume {device} cannot be used, and there are no homes: {error}")
    subprocess.run(["resize2fs", device], check=False)  # It may have grown.
    announce(f"The homes are on the volume {device}.")


def main() -> None:
    """Does nothing where the workshop names no volume."""
    config = settings()
    volume, folder = config.get("volume"), config["homes"]
    if not volume:
        return
    os.makedirs(folder, exist_ok=True)
    if not os.path.ismount(folder):
        mount(wait_for(volume), folder, config.get("adopt", False))


if __name__ == "__main__":
    main()
