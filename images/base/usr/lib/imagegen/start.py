"""Starts this machine's part in the workshop, if its user-data is one that this image can serve."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from imagegen.console import announce, say
from imagegen.files import write_whole
from imagegen.hub import limits
from imagegen.paste import sentences, taken
from imagegen.paste.verdict import Spoiled
from imagegen.settings import settings

if TYPE_CHECKING:
    from imagegen.schema import Settings

LIBRARY = "/usr/lib/imagegen"
# Docker, the NFS server and autofs start only where this file is (`imagegen.conf` beside their units).
ACCEPTED = "/run/imagegen/accepted"
REFUSED = "/run/imagegen/refused"
TARGET = "imagegen.target"


class Refusal(Exception):
    """Why this machine cannot serve the user-data that it got, in a sentence for the console."""


def own_level(library: str = LIBRARY) -> int:
    """Which user-data this image understands: those of this level and of all before."""
    with open(f"{library}/level") as file:
        return int(file.read())


def image_role(library: str = LIBRARY) -> str | None:
    """What the golden image is for; None on an ordinary image, which can be either."""
    try:
        with open(f"{library}/role") as file:
            return file.read().strip()
    except FileNotFoundError:
        return None


def check(config: Settings, level: int, role: str | None) -> None:
    """Raises a Refusal where image and user-data do not fit together."""
    if config.get("level", 0) > level:
        raise Refusal(
            f"This image is too old for its user-data, which needs level {config['level']}; "
            f"the image has level {level}. "
            "Build and upload a new image, or print the user-data with the imagegen that built this one."
        )
    if role not in (None, config["role"]):
        raise Refusal(
            f"This is the user-data of a {config['role']}, and this machine was launched from a {role} image. "
            f"Launch a {config['role']} image with it, or paste what `imagegen {role}` prints."
        )


def accepted(role: str | None) -> Settings:
    """The settings, where `cc_imagegen` has accepted the user-data; a Refusal says why it has not."""
    verdict = taken.verdict(role)
    if isinstance(verdict, Spoiled):
        raise Refusal(verdict.sentence)
    if not taken.is_applied(verdict):
        check(taken.settings_of(verdict), own_level(), role)
        raise Refusal(sentences.unwritten(role))
    if verdict.sentence:
        announce(verdict.sentence)
    return settings()


def units(config: Settings) -> list[str]:
    """What a machine starts beside what its target has in every workshop."""
    swarm = config["engine"] == "swarm"
    if config["role"] == "node":
        found = ["imagegen-join.service", "autofs.service"]
        found += ["imagegen-leave.service"] if swarm else []
    else:
        found = ["nfs-server.service", "imagegen-homes.service", "imagegen-passwords.service"]
        found += ["imagegen-swarm.service", "imagegen-rendezvous.service"] if swarm else ["imagegen-manager.service"]
        found.append("imagegen-hub.target")
    # A node of a swarm fetches it before it joins: one without it would get each new server, and fail.
    if "notebook_image" in config and not (swarm and config["role"] == "node"):
        found.append("imagegen-notebook.service")
    return found


def start(config: Settings) -> None:
    """Queues the units. Nothing here waits: they may be ordered after what starts this program."""
    if config["role"] == "hub":
        limits.write()
    subprocess.run(["systemctl", "daemon-reload"], check=True)
    subprocess.run(["systemctl", "start", "--no-block", TARGET, *units(config)], check=True)


def refuse(reason: str) -> None:
    """Leaves the sentence to `imagegen-refused.service`, which repeats it on the console."""
    write_whole(REFUSED, f"{reason}\n")
    subprocess.run(["systemctl", "start", "--no-block", "imagegen-refused.service"], check=True)
    say(reason)
    sys.exit(1)


def main() -> None:
    """Judges the user-data, and starts the units or says why not."""
    os.makedirs(os.path.dirname(ACCEPTED), exist_ok=True)
    role = image_role()
    try:
        config = accepted(role)
    except Refusal as refusal:
        refuse(str(refusal))
    write_whole(ACCEPTED, "")
    start(config)


if __name__ == "__main__":
    main()
