"""Which machines belong to the workshop: those that have shown its key. To each the hub opens the homes, for as long as
it goes on asking."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import time
from collections.abc import Callable

FOLDER = "enrolled"  # A file for each, named by its address; exports and firewall follow it.
# Where that is on a hub.
ENROLLED = f"/run/imagegen-rendezvous/{FOLDER}"
SILENCE = 15 * 60  # seconds after which a machine has left; nodes ask every minute
MOST = 4096  # machines


def listed(folder: str) -> list[str]:
    """The addresses in the folder, which need not be there: a FileNotFoundError says so. Other names are left out:
    what is read here gets into exports(5) and nft(8)."""
    return [name for name in os.listdir(folder) if _is_address(name)]


def _is_address(name: str) -> bool:
    try:
        return str(ipaddress.IPv4Address(name)) == name
    except ValueError:
        return False


class Enrolment:
    """The enrolled machines. They stay enrolled while the rendezvous starts again; after a boot of the hub they ask
    within a minute."""

    def __init__(self, folder: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.folder, self.clock = f"{folder}/{FOLDER}", clock
        os.makedirs(self.folder, mode=0o755, exist_ok=True)
        self.heard = dict.fromkeys(listed(self.folder), clock())

    def enrol(self, address: str) -> bool:
        """Notes that a machine has shown the key; whether it is a new one."""
        new = address not in self.heard
        if new and len(self.heard) >= MOST:
            return False
        if new:
            # An empty file is whole from its beginning.
            os.close(os.open(f"{self.folder}/{address}", os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o644))
        self.heard[address] = self.clock()
        return new

    def dismiss(self, address: str) -> bool:
        """Takes a machine away; whether it was there."""
        if self.heard.pop(address, None) is None:
            return False
        with contextlib.suppress(FileNotFoundError):
            os.remove(f"{self.folder}/{address}")
        return True

    def dismiss_silent(self) -> list[str]:
        """Takes away who has said nothing for long, and tells them."""
        now = self.clock()
        silent = [address for address, heard in self.heard.items() if now - heard > SILENCE]
        return [address for address in silent if self.dismiss(address)]
