"""Mounts the volume with the homes. It is formatted if it is blank; one with anything else on it is left alone."""

import os
import stat
import subprocess
import time

from imagegen.console import announce, fail
from imagegen.settings import settings

UNKNOWN = 2  # blkid's exit status where it finds no signature
LOOKED_AT = 1 << 20  # bytes


def is_blank(device: str) -> bool:
    """Neither a signature that blkid knows, nor a byte in the first MiB."""
    if subprocess.run(["blkid", "-p", device], capture_output=True).returncode != UNKNOWN:
        return False
    with open(device, "rb") as disk:
        return not any(disk.read(LOOKED_AT))


def is_block_device(path: str) -> bool:
    """Whether it is there, and a disk."""
    try:
        return stat.S_ISBLK(os.stat(path).st_mode)
    except FileNotFoundError:
        return False


def wait_for(device: str) -> None:
    """Until it is attached."""
    if not is_block_device(device):
        announce(f"Waiting for the volume {device}, which holds the homes.")
    while not is_block_device(device):
        time.sleep(2)


def mount(device: str, folder: str) -> None:
    """Formats it if it is blank, and mounts it."""
    if is_blank(device):
        subprocess.run(["mkfs.ext4", "-q", "-m", "0", "-L", "homes", device], check=True)
        announce(f"The volume {device} was blank, and has a file system now.")
    if subprocess.run(["mount", "-t", "ext4", "-o", "nosuid,nodev", device, folder]).returncode:
        fail(f"The volume {device} has no ext4 file system and is not blank: nothing is changed on it, and there are no homes.")
    subprocess.run(["resize2fs", device], check=False)  # It may have grown.
    announce(f"The homes are on the volume {device}.")


def main() -> None:
    """Does nothing where the workshop names no volume."""
    config = settings()
    device, folder = config.get("volume"), config["homes"]
    if device is None:
        return
    os.makedirs(folder, exist_ok=True)
    if not os.path.ismount(folder):
        wait_for(device)
        mount(device, folder)


if __name__ == "__main__":
    main()
