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
# What a cloud gives beside volumes. It goes with the machine.
CLOUDS = {"ephemeral0": "Nova's ephemeral disk, which is lost with the machine", "config-2": "the config drive"}


def signature(device: str) -> dict[str, str]:
    """What blkid finds on it, by blkid's names; nothing on one that is blank, in the first MiB as well."""
    probe = subprocess.run(["blkid", "-p", "-o", "export", device], capture_output=True, text=True, check=False)
    if probe.returncode == UNKNOWN:
        with open(device, "rb") as disk:
            return {"TYPE": "data of an unknown kind"} if any(disk.read(LOOKED_AT)) else {}
    if probe.returncode:  # Several signatures that contradict each other, or an error of the disk.
        return {"TYPE": "contents that blkid cannot tell"}
    return dict(line.split("=", 1) for line in probe.stdout.splitlines())


def objection(found: dict[str, str], adopt: bool) -> str | None:
    """Why the homes cannot be on a volume with this signature."""
    kind, label = found.get("TYPE"), found.get("LABEL")
    if label in CLOUDS:
        return f"is {CLOUDS[label]}"
    if kind is None:
        return f"has a partition table ({found['PTTYPE']})" if "PTTYPE" in found else None
    if kind != "ext4":
        return f"holds {kind}"
    if label in OURS or adopt:
        return None
    return (
        f"has a file system that is not imagegen's (ext4, label {label}), and the workshop does not say `adopt: true`"
    )


def find(volume: str) -> str | None:
    """The disk of a path or of a Cinder volume's UUID, of which virtio hands on 20 characters; None until it is
    attached."""
    names = [volume]
    if not volume.startswith("/"):
        names = [f"{BY_ID}/virtio-{volume[:20]}", *sorted(glob.glob(f"{BY_ID}/*{volume}"))]
    return next((os.path.realpath(name) for name in names if is_block_device(name)), None)


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
    trouble = objection(found, adopt)
    try:
        os.close(os.open(device, os.O_EXCL))
    except OSError:
        trouble = trouble or "is in use on this machine"
    if trouble:
        fail(f"The volume {device} {trouble}: nothing is changed on it, and there are no homes.")
    if not found:
        subprocess.run(["mkfs.ext4", "-q", "-m", "0", "-L", LABEL, device], check=True)
        announce(f"The volume {device} was blank, and has a file system now.")
    command = ["mount", "-t", "ext4", "-o", "nosuid,nodev", device, folder]
    mounted = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
    if mounted.returncode:
        fail(f"The volume {device} cannot be mounted, and there are no homes: {mounted.stderr.strip()}")
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
