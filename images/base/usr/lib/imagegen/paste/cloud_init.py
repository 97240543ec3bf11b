"""Has cloud-init do what a text says, where it arrived in a form that cloud-init does not take; and nothing, where it was
refused.

cloud-init keeps the user-data as it came, and makes of it the cloud-config that all its later modules read. What it has
not understood is put there, and the modules that have had their turn already run again: so the machine becomes the same
as with the sound text, by the same program. cloud-init makes that file anew at each boot, and so does this.
"""

from __future__ import annotations

import glob
import hashlib
import os
import subprocess

from imagegen import settings
from imagegen.console import announce, say
from imagegen.files import write_whole
from imagegen.paste import sentences
from imagegen.paste.content import Config, Unsound, config, expect_whole
from imagegen.paste.verdict import Changed, Foreign, Repaired, Spoiled, judge

INSTANCE = "/var/lib/cloud/instance"
SCRIPTS = "/var/lib/cloud/scripts"
# What has run before this program, with the key that each needs.
MODULES = {"write_files": "write_files", "users_groups": "users"}


def take(role: str | None, instance: str = INSTANCE) -> str | None:
    """Sees to it that cloud-init does what the user-data says; a sentence where it cannot be taken."""
    verdict = judge(read(f"{instance}/user-data.txt"), role)
    understood = seen(instance)
    if isinstance(verdict, Spoiled):
        return sentences.no_source(role) if b"DataSourceNone" in read(f"{instance}/datasource") else verdict.sentence
    if isinstance(verdict, Foreign):
        return None if is_whole(understood) else verdict.sentence
    if isinstance(verdict, (Repaired, Changed)):
        use(verdict, understood, instance)
    return None if os.path.exists(settings.PATH) else sentences.unwritten(role)


def use(verdict: Repaired | Changed, understood: Config, instance: str) -> None:
    """Applies a text that cloud-init has not taken as it was meant, and says what is the matter with it."""
    wanted = config(verdict.text)
    if not covers(understood, wanted):
        apply(verdict.text, wanted, instance)
        announce(verdict.sentence)
    elif isinstance(verdict, Changed):
        announce(verdict.sentence)


def read(path: str) -> bytes:
    """A file of cloud-init's; nothing where it has left none."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return b""


def seen(instance: str) -> Config:
    """The cloud-config as cloud-init has understood it."""
    try:
        return config(read(f"{instance}/cloud-config.txt").decode())
    except (Unsound, UnicodeDecodeError):
        return {}


def is_whole(found: Config) -> bool:
    """Whether a cloud-config is that of a workshop's machine."""
    try:
        expect_whole(found)
    except Unsound:
        return False
    return True


def covers(found: Config, wanted: Config) -> bool:
    """Whether cloud-init has all that is wanted; what it has from elsewhere may be with it."""
    written = found.get("write_files") or []
    return wanted.keys() <= found.keys() and all(entry in written for entry in wanted["write_files"])


def apply(text: str, wanted: Config, instance: str) -> None:
    """Puts a text where cloud-init takes it; what was written once stays as the machine has it since."""
    write_whole(f"{instance}/cloud-config.txt", text, 0o600)
    mark, digest = f"{instance}/sem/imagegen-paste", hashlib.sha256(text.encode()).hexdigest()
    if read(mark).decode() == digest:
        return
    for module, key in MODULES.items():
        if key in wanted:
            say(f"cloud-init's {module} runs with the repaired text.")
            subprocess.run(["cloud-init", "single", "--name", module, "--frequency", "always"], check=True)
    write_whole(mark, digest)


def discard(instance: str = INSTANCE, scripts: str = SCRIPTS) -> None:
    """Leaves nothing of a refused text to cloud-init's later stages."""
    write_whole(f"{instance}/cloud-config.txt", "", 0o600)
    for script in glob.glob(f"{instance}/scripts/*") + glob.glob(f"{scripts}/per-*/*"):
        os.remove(script)
