"""Keeps homes and shared folders on file systems of their own, and never on the root file system: forged NFS
handles reach all of an exported file system, and nothing beyond it.

Homes are on the workshop's volume, if it names one. Everything else is in a file on the root file system. Its blocks
are all allocated from the beginning, so that a full root disk cannot damage it, and it grows at boot when the disk has
grown. A partition would have to be made before anybody knows how large the disk is, and the root file system before it
could not grow any more.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

from imagegen.console import announce, fail, say
from imagegen.hub import volume
from imagegen.settings import settings

if TYPE_CHECKING:
    from imagegen.schema import Settings

MIB = 1 << 20
IMAGE = "/var/lib/imagegen/data.img"
DATA = "/var/lib/imagegen/data"
MATERIALS = "/var/lib/imagegen/materials"
ROOT = "/"
LABEL = "imagegen-data"
STEP = 64 * MIB  # The file has a multiple of this size, and at least
LEAST = 128 * MIB
REPAIRED = 4  # e2fsck's exit statuses from here on say that something is still wrong


def reserve(total: int, on_hub: bool) -> int:
    """Bytes that stay free on the root file system: for logs, updates, and containers if students' run here."""
    return max((6 if on_hub else 2) * 1024 * MIB, total // (3 if on_hub else 8))


def wanted_size(present: int, free: int, kept: int) -> int:
    """How large the file is to be, if so many bytes of it are present. A small disk is halved."""
    spare = free - kept if present else max(free - kept, free // 2)
    return present + max(0, spare) // STEP * STEP


def make_image(path: str, size: int) -> None:
    """The file with its file system. It has its name only when it is complete."""
    if size < LEAST:
        fail(f"The hub's disk is too small for homes: {size // MIB} MiB would be left for them.")
    unfinished = f"{path}.unfinished"
    with open(unfinished, "w") as file:
        os.posix_fallocate(file.fileno(), 0, size)
        # Discarding would give the blocks back.
        options = ["-m", "0", "-L", LABEL, "-E", "nodiscard,lazy_itable_init=1"]
        subprocess.run(["mkfs.ext4", "-q", *options, unfinished], check=True)
        os.fsync(file.fileno())
    os.rename(unfinished, path)
    announce(f"Homes and shared folders have a file system of {size // MIB} MiB on the hub's disk.")


def fit_image(path: str, on_hub: bool) -> None:
    """Makes the file, or makes it larger where the disk has become larger."""
    unfinished = f"{path}.unfinished"
    if os.path.exists(unfinished):
        os.remove(unfinished)
    root = os.statvfs(os.path.dirname(path))
    kept = reserve(root.f_blocks * root.f_frsize, on_hub)
    present = os.path.getsize(path) if os.path.exists(path) else 0
    size = wanted_size(present, root.f_bavail * root.f_frsize, kept)
    if not present:
        make_image(path, size)
        return
    with open(path, "r+b") as file:
        # Also where it does not grow: something may have trimmed it.
        os.posix_fallocate(file.fileno(), 0, size)
    if size > present:
        announce(f"Homes and shared folders have {(size - present) // MIB} MiB more.")


def attach(path: str) -> str:
    """The loop device of a file. Writes go to the disk at once, and are in memory only once."""
    command = ["losetup", "--find", "--show", "--nooverlap", "--direct-io=on", path]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def repair(device: str) -> None:
    """What a crash has left, which is next to nothing thanks to the journal."""
    if subprocess.run(["e2fsck", "-p", device], check=False).returncode >= REPAIRED:
        announce(f"The file system on {device} has faults that need repair by hand: see `e2fsck {device}`.")


def allow_quotas(device: str) -> None:
    """Has a file system that is not mounted count what each user stores."""
    repair(device)
    # Idempotent, and quick unless there are many files.
    subprocess.run(["tune2fs", "-Q", "usrquota", device], check=True, stdout=subprocess.DEVNULL)


def mount_image(config: Settings) -> None:
    """Mounts the file where only root looks."""
    fit_image(IMAGE, bool(config.get("on_hub")))
    device, options = attach(IMAGE), "nosuid,nodev"
    if has_quotas(config):
        allow_quotas(device)
        options += ",usrquota"
    os.makedirs(DATA, mode=0o711, exist_ok=True)
    subprocess.run(["mount", "-t", "ext4", "-o", options, device, DATA], check=True)
    subprocess.run(["resize2fs", device], check=False)


def has_quotas(config: Settings) -> bool:
    """Whether students have limits."""
    return config.get("quota") != 0


def mount_volume(config: Settings, name: str) -> None:
    """Mounts the homes' volume, once it is attached."""
    os.makedirs(config["homes"], exist_ok=True)
    device, adopt = volume.wait_for(name), config.get("adopt", False)
    if has_quotas(config):
        volume.mount(device, config["homes"], adopt, "nosuid,nodev,usrquota", allow_quotas)
    else:
        volume.mount(device, config["homes"], adopt, "nosuid,nodev", repair)


def is_on_root(folder: str) -> bool:
    """Whether it is on the root file system."""
    return os.stat(folder).st_dev == os.stat(ROOT).st_dev


def move(source: str, target: str) -> None:
    """Moves what is in a folder to another file system. After an interruption it goes on."""
    for name in sorted(os.listdir(source)):
        unfinished = f"{target}/.{name}.unfinished"
        if os.path.lexists(f"{target}/{name}"):
            say(f"{source}/{name} stays in place: it already exists on the other file system.")
            continue
        subprocess.run(["rm", "-rf", "--one-file-system", unfinished], check=True)
        subprocess.run(["cp", "-axT", f"{source}/{name}", unfinished], check=True)
        os.rename(unfinished, f"{target}/{name}")
        subprocess.run(["rm", "-rf", "--one-file-system", f"{source}/{name}"], check=False)


def place(name: str, folder: str, mode: int = 0o755) -> None:
    """Has a folder, with all that is in it, on the file system of the image. One on a file system that is not the root
    one stays there: the organiser has mounted it, or it lies in a folder that is placed already."""
    if not os.path.isdir(folder):
        os.makedirs(folder)
        os.chmod(folder, mode)
    if not is_on_root(folder):
        return
    if mounted := [entry.name for entry in os.scandir(folder) if entry.is_dir() and not is_on_root(entry.path)]:
        announce(f"{folder} stays on the root file system: {folder}/{mounted[0]} is mounted in it.")
        return
    target = f"{DATA}/{name}"
    if not os.path.isdir(target):
        os.makedirs(target)
        before = os.stat(folder)
        os.chown(target, before.st_uid, before.st_gid)
        shutil.copymode(folder, target)
    move(folder, target)
    subprocess.run(["mount", "--bind", target, folder], check=True)


def main() -> None:
    """Mounts everything that is not mounted."""
    config = settings()
    if not os.path.ismount(DATA):
        mount_image(config)
    name = config.get("volume")
    if name and not os.path.ismount(config["homes"]):
        mount_volume(config, name)
    place("homes", config["homes"])
    # What is fetched once has the same lifetime as the shared folders, and may be as large.
    place("materials", MATERIALS, 0o711)
    for folder, writable in sorted(config.get("shares", [])):
        place(f"shares{folder}", folder, 0o1777 if writable else 0o755)


if __name__ == "__main__":
    main()
