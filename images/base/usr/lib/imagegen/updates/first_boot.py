"""Fetches the security updates that have come out since the image was built, and has them installed before anything of
the workshop starts.

What is installed takes effect by a restart of the machine: kernel and libraries are in use by then. A machine without a
way out, or with a slow one, goes on as it is."""

from __future__ import annotations

import os
import signal
import subprocess

from imagegen.console import announce, say
from imagegen.files import write_whole
from imagegen.hub.address import OUTSIDE
from imagegen.identity import INSTANCE
from imagegen.routes import route_source
from imagegen.settings import settings

FOLDER = os.path.dirname(__file__)
DONE = "/var/lib/imagegen/updated"
# Seconds for lists and packages, each: a class may be waiting.
DOWNLOAD = 180
# Seconds that apt waits for each server, and how often it asks again.
NETWORK = ["-o", "Acquire::http::Timeout=20", "-o", "Acquire::https::Timeout=20", "-o", "Acquire::Retries=1"]


class Failed(Exception):
    """Why updates were not fetched or not installed."""


def apt(*words: str) -> str:
    """What apt-get(8) prints."""
    command = ["apt-get", "-q", "-y", "-o", f"Dir::Etc::Preferences={FOLDER}/security.pref", *NETWORK, *words]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=DOWNLOAD)
    except subprocess.TimeoutExpired:
        raise Failed(f"they took longer than {DOWNLOAD} seconds") from None
    if done.returncode:
        raise Failed(next((line for line in done.stderr.splitlines() if line.startswith("E:")), "apt-get failed"))
    return done.stdout


def packages(simulation: str) -> list[str]:
    """The names in what `apt-get --simulate` prints."""
    return [line.split()[1] for line in simulation.splitlines() if line.startswith("Inst ")]


def fetch() -> list[str]:
    """Downloads what is to be installed; gives the names."""
    apt("-o", "APT::Update::Error-Mode=any", "update")
    found = packages(apt("--simulate", "--with-new-pkgs", "upgrade"))
    if found:
        apt("--download-only", "--with-new-pkgs", "upgrade")
    return found


def install() -> None:
    """Installs what is downloaded. It has no limit of time: a half-installed system is worse than a late one."""
    unit = ["systemd-run", "--quiet", "--wait", "--collect", "--unit=imagegen-updates-install"]
    if subprocess.run([*unit, "/bin/sh", f"{FOLDER}/install.sh"]).returncode:
        raise Failed("apt-get could not install them; the journal of imagegen-updates-install says why")


def is_done(instance: str, path: str = DONE) -> bool:
    """Whether this instance has had its updates: a copy of its disk is another instance."""
    try:
        with open(path) as file:
            return file.read().strip() == instance
    except FileNotFoundError:
        return False


def bring_up_to_date() -> bool:
    """Whether the machine has to start again."""
    if route_source(OUTSIDE) is None:
        say("No route leads to the internet: security updates are not fetched.")
        return False
    try:
        if found := fetch():
            announce(f"Installing {len(found)} security updates; this machine starts again after that.")
            install()
        say("The machine has all security updates.")
        return bool(found)
    except Failed as reason:
        announce(f"Security updates were not installed: {reason}. The machine goes on without them.")
        return False


def main() -> None:
    """Once for each instance, whatever comes of it."""
    with open(INSTANCE) as file:
        instance = file.read().strip()
    if not settings().get("security_updates", True) or is_done(instance):
        return
    start_again = bring_up_to_date()
    os.makedirs(os.path.dirname(DONE), exist_ok=True)
    write_whole(DONE, f"{instance}\n")
    if start_again:
        subprocess.run(["systemctl", "--no-block", "reboot"], check=True)
        # Nothing of the workshop starts before that.
        signal.pause()


if __name__ == "__main__":
    main()
