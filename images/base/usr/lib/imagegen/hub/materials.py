"""Fetches the workshop's materials: into a folder that everybody reads, or into each home."""

from __future__ import annotations

import functools
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from typing import TYPE_CHECKING, Any

from imagegen.console import announce, say
from imagegen.hub import unprivileged
from imagegen.hub.fetch import fetch
from imagegen.hub.source import shown
from imagegen.settings import settings
from imagegen.users import table

if TYPE_CHECKING:
    from imagegen.schema import Material

# On the file system of the homes (imagegen.hub.storage). What is fetched is moved within it: a rename does not reach
# another one. Everybody may pass through the folder, so that the account reaches what it works in.
FOLDER = "/var/lib/imagegen/materials"
KEPT = f"{FOLDER}/kept"  # Root's alone.
UNFINISHED = "unfinished-"
SHARE = "/srv/imagegen-share"
ACCOUNT = "imagegen-materials"  # It fetches and unpacks, and has no rights.
HEARD: dict[str, Any] = {"stderr": subprocess.PIPE, "text": True, "errors": "replace"}


def reason(error: Exception) -> str:
    """What a program that failed said first, or the error itself."""
    said: str = (getattr(error, "stderr", None) or "").strip()
    return said.partition("\n")[0] or str(error)


def obtain(material: Material) -> str:
    """The folder with it; fetched unless it was before."""
    kept = f"{KEPT}/{material['name']}"
    if not os.path.isdir(kept):
        with tempfile.TemporaryDirectory(dir=FOLDER, prefix=UNFINISHED) as work:
            own_by(ACCOUNT, work)
            folder = f"{work}/content"
            unprivileged.run(ACCOUNT, work, functools.partial(fetch_into, material, folder))
            # Nobody else can look into it any more, or change it.
            unprivileged.take_over(work)
            os.rename(folder, kept)
        announce(f"Fetched {shown(material['url'])}.")
    return kept


def prepare() -> None:
    """Makes the folders, and removes what a start that was killed has left."""
    os.makedirs(FOLDER, mode=0o711, exist_ok=True)
    os.makedirs(KEPT, mode=0o700, exist_ok=True)
    os.makedirs(SHARE, exist_ok=True)
    for name in os.listdir(FOLDER):
        if name.startswith(UNFINISHED):
            shutil.rmtree(f"{FOLDER}/{name}")


def own_by(account: str, folder: str) -> None:
    """Gives a folder of root's away."""
    if os.geteuid() == 0:
        entry = pwd.getpwnam(account)
        os.chown(folder, entry.pw_uid, entry.pw_gid)


def fetch_into(material: Material, folder: str) -> None:
    """Into a new folder."""
    os.mkdir(folder)
    fetch(material, folder)


def copy(kept: str, target: str, uid: int | None = None, gid: int | None = None) -> bool:
    """A copy of one's own; one that is there stays as it is."""
    if os.path.lexists(target):
        return False
    # In a home, root would follow the links that a student puts there. Who is to have the copy makes it, out of what
    # root hands over, who alone can read what was fetched.
    folder, name = os.path.split(target)
    unfinished = f".{name}.unfinished"
    rights: dict[str, Any] = {} if uid in (None, os.geteuid()) else {"user": uid, "group": gid, "extra_groups": []}
    run = functools.partial(subprocess.run, cwd=folder, check=True, **HEARD, **rights)
    run(["rm", "-rf", "--", unfinished])
    try:
        run(["mkdir", "--", unfinished])
        with subprocess.Popen(["tar", "-C", kept, "--mode=a-st", "-cf", "-", "."], stdout=subprocess.PIPE) as packed:
            run(["tar", "-C", unfinished, "--no-same-owner", "-xpf", "-"], stdin=packed.stdout)
        if packed.returncode:
            raise OSError(f"{kept} cannot be read")
        run(["mv", "-T", "--", unfinished, name])
    finally:
        subprocess.run(["rm", "-rf", "--", unfinished], cwd=folder, **rights)  # What fills a disk is not left on it.
    return True


def give(kept: str, home: str, user: str, uid: int, gid: int) -> bool | None:
    """Whether a user has got a copy now; None for one who cannot have it, which is no matter of the others."""
    name = os.path.basename(kept)
    try:
        return copy(kept, f"{home}/{name}", uid, gid)
    except (OSError, subprocess.SubprocessError) as error:
        announce(f"{user} has no {name} in the home, and gets it when the hub starts again: {reason(error)}")
        return None


def place(material: Material, homes: str) -> None:
    """Fetches it, and copies it to where it belongs."""
    kept, name = obtain(material), material["name"]
    if material["into"] == "share":
        made: list[bool | None] = [copy(kept, f"{SHARE}/{name}")]
        unprivileged.take_over(f"{SHARE}/{name}")  # An earlier image may have put it there.
        subprocess.run(["chmod", "-R", "a+rX,go-w", f"{SHARE}/{name}"], check=True)
        places = "/share"
    else:
        made = [give(kept, f"{homes}/{user}", user, uid, gid) for user, (uid, gid) in table().users.items()]
        places = f"{made.count(True)} homes"
    if True in made:
        announce(f"{name} is in {places}.")
    elif None not in made:
        say(f"{name} is in its place.")


def succeeds(material: Material, homes: str, said: dict[str, str]) -> bool:
    """Whether it is in its place now. What is in the way is told once."""
    try:
        place(material, homes)
    except Exception as error:  # Whatever is wrong with one material, the others are to come.
        name, trouble = material["name"], shown(reason(error))
        if said.get(name) != trouble:
            said[name] = trouble
            address = shown(material["url"])
            announce(f"{address} cannot be fetched yet and will be tried again: {trouble}")
        return False
    return True


def main() -> None:
    """Tries until everything is in its place."""
    config = settings()
    prepare()
    left, said = config["page"]["materials"], dict[str, str]()
    while left := [material for material in left if not succeeds(material, config["homes"], said)]:
        time.sleep(20)


if __name__ == "__main__":
    main()
