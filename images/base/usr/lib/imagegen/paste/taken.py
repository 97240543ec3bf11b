"""What this instance got as user-data, as cloud-init keeps it, and whether it is taken."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from imagegen import settings
from imagegen.paste import sentences
from imagegen.paste.content import config, files
from imagegen.paste.verdict import Spoiled, Taken, judge

if TYPE_CHECKING:
    from imagegen.schema import Settings

INSTANCE = "/var/lib/cloud/instance"
# Where cloud-init's later stages look for what user-data wants.
CONFIG = "cloud-config.txt"


def verdict(role: str | None, instance: str = INSTANCE) -> Taken | Spoiled:
    """What a machine whose image has this role makes of it."""
    if not os.path.isdir(instance):
        return Spoiled(sentences.unwritten(role))
    found = judge(read(f"{instance}/user-data.txt"), role)
    if isinstance(found, Spoiled) and b"DataSourceNone" in read(f"{instance}/datasource"):
        return Spoiled(sentences.no_source(role))
    return found


def read(path: str) -> bytes:
    """A file of cloud-init's; nothing where it has left none."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return b""


def is_applied(taken: Taken, instance: str = INSTANCE) -> bool:
    """Whether cloud-init has done what a text says."""
    return read(f"{instance}/{CONFIG}") == taken.text.encode() and os.path.exists(settings.PATH)


def settings_of(taken: Taken) -> Settings:
    """The settings in a text."""
    found: Settings = json.loads(files(config(taken.text))[settings.PATH])
    return found
