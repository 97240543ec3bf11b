"""Keeps the firewall as the table of ports says, for what the machine knows of its surroundings at each moment."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from typing import TYPE_CHECKING

from imagegen.console import announce, say
from imagegen.inbound import ports, surroundings
from imagegen.settings import settings

if TYPE_CHECKING:
    from imagegen.inbound.surroundings import Sets
    from imagegen.schema import Settings

MACHINE = os.path.join(os.path.dirname(__file__), "machine.nft")
TABLE = "inet imagegen_machine"
# Rules of the organiser's own, for what `hub.files` and `hub.packages` bring.
OWN = "/etc/imagegen-ports.d/*.nft"
INTERVAL = 2  # seconds between two looks


class Unloaded(Exception):
    """What nft(8) says is wrong with the rules."""


def commands(rules: dict[str, list[str]], sets: Sets) -> str:
    """Replaces the rules of these chains and every set, and leaves what is counted of containers."""
    lines = []
    for chain, of_it in rules.items():
        lines += [f"flush chain {TABLE} {chain}", *(f"add rule {TABLE} {chain} {rule}" for rule in of_it)]
    for name, elements in sets.items():
        lines.append(f"flush set {TABLE} {name}")
        if elements:
            lines.append(f"add element {TABLE} {name} {{ {', '.join(elements)} }}")
    return "\n".join(lines) + "\n"


def nft(*arguments: str, text: str = "") -> None:
    """Has the kernel take rules, all or none of them."""
    done = subprocess.run(["nft", *arguments], input=text, capture_output=True, text=True)
    if done.returncode:
        raise Unloaded((done.stderr.strip() or "nft gave no reason").splitlines()[0])


def is_loaded() -> bool:
    """Whether the machine's firewall is there, open or closed."""
    return not subprocess.run(["nft", "list", "chain", *TABLE.split(), "ports"], capture_output=True).returncode


def load(text: str) -> None:
    """Fills the firewall in; begins with a closed one where somebody has taken it away."""
    if not is_loaded():
        nft("--file", MACHINE)
    try:
        nft("--file", "-", text=f'{text}include "{OWN}"\n')
    except Unloaded as reason:
        nft("--file", "-", text=text)
        announce(f"The rules of {OWN} are left out of the firewall: {reason}")


def tell_systemd(text: bytes) -> None:
    """sd_notify(3)."""
    if path := os.environ.get("NOTIFY_SOCKET"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
            line.connect(path.replace("@", "\0", 1))
            line.send(text)


class Firewall:
    """The rules of this machine, as they were loaded last."""

    def __init__(self, config: Settings) -> None:
        self.config = config
        opened = [ports.rule(port) for port in ports.table() if ports.is_open(port, config)]
        self.rules = {"ports": opened, "departing": ports.departing(config)}
        self.loaded = ""
        self.trouble: str | None = None

    def refresh(self) -> bool:
        """Brings the kernel up to date; False where it does not take the rules."""
        text = commands(self.rules, surroundings.sets(self.config))
        try:
            if text != self.loaded or not is_loaded():
                load(text)
                self.told(text)
        except Unloaded as reason:
            if self.trouble != str(reason):
                self.trouble = str(reason)
                announce(f"The firewall cannot be loaded, and Docker does not start without it: {reason}")
            return False
        return True

    def told(self, text: str) -> None:
        """Remembers what was loaded."""
        if self.trouble:
            announce("The firewall is loaded.")
        self.loaded, self.trouble = text, None
        say("The firewall follows the machine's addresses.")


def main() -> None:
    """Looks every few seconds, and never returns. Docker starts once the rules are there."""
    firewall = Firewall(settings())
    traces = None
    while True:
        now = surroundings.traces()
        if now != traces and firewall.refresh():
            traces = now
            tell_systemd(b"READY=1")
        time.sleep(INTERVAL)


if __name__ == "__main__":
    main()
