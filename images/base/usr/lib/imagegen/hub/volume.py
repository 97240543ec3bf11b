"""Mounts the volume with the homes. It is formatted if it is blank; one with anything else on it is left alone, unless
the file system is ours, or the workshop says `adopt`."""

from __future__ import annotations

import glob
import os
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

from imagegen.console import announce, fail
from imagegen.settings import settings

if TYPE_CHECKING:
    from collections.abc import Callable

BY_ID = "/dev/disk/by-id"
UNKNOWN = 2  # blkid's exit status where it finds no signature
LOOKED_AT = 1 << 20  # bytes
LABEL = "imagegen-homes"
# What the homes may be on: nothing, and the file systems of imagegen, of its first versions as well.
OURS = ("", f"LABEL={LABEL} TYPE=ext4", "LABEL=homes TYPE=ext4")
# What a cloud gives beside volumes: Nova's ephemeral disk, which goes with the machine, and the config drive.
CLOUDS = ("LABEL=ephemeral0", "LABEL=config-2")
ADOPT = "`adopt: true` takes an ext4 file system that is not the cloud's."


def content(device: str) -> str:
    """What blkid finds on it; nothing on one that is blank, in the first MiB as well."""
    command = ["blkid", "-p", "-o", "export", "-s", "LABEL", "-s", "TYPE", "-s", "PTTYPE", device]
    probe = subprocess.run(command, capture_output=True, text=True)
    with open(device, "rb") as disk:
        if probe.returncode == UNKNOWN and not any(disk.read(LOOKED_AT)):
            return ""
    # Nothing is known either where signatures contradict each other. The first line is the device.
    return " ".join(probe.stdout.splitlines()[1:]) or "unknown data"


def is_usable(found: str, adopt: bool) -> bool:
    """Whether the homes may be on a volume with this content."""
    return found in OURS or adopt and found.endswith("TYPE=ext4") and not found.startswith(CLOUDS)


def find(volume: str) -> str | None:
    """The disk of a path or of a Cinder volume's UUID, of which virtio hands on 20 characters; None until it is
    attached."""
    names = [volume]
    if "/" not in volume:
        names = [f"{BY_ID}/virtio-{volume[:20]}", *glob.glob(f"{BY_ID}/*{volume}")]
    return next((name for name in names if Path(name).is_block_device()), None)


def wait_for(volume: str) -> str:
    """Its device, once it is attached."""
    if not find(volume):
        announce(f"Waiting for the volume {volume}, which holds the homes.")
    while not (device := find(volume)):
        time.sleep(2)
    return device


def mount(
    device: str,
    folder: str,
    adopt: bool,
    options: str = "nosuid,nodev",
    before: Callable[[str], object] = str,
) -> None:
    """Formats it if it is blank, and mounts it. `before` gets the device between both."""
    found = content(device)
    if not is_usable(found, adopt):
        fail(f"The volume {device} holds {found}: nothing is changed on it, and there are no homes. {ADOPT}")
    try:
        os.close(os.open(device, os.O_EXCL))
        if not found:
            subprocess.run(["mkfs.ext4", "-q", "-m", "0", "-L", LABEL, device], check=True)
            announce(f"The volume {device} was blank and now has a file system.")
        before(device)
        subprocess.run(["mount", "-t", "ext4", "-o", options, device, folder], check=True)
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
