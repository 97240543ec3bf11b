"""Runs the idle culler with the workshop's settings."""

import os
import sys

from imagegen.hub import hub_port
from imagegen.hub.address import find_interface
from imagegen.settings import settings


def command(address: str, minutes: int) -> list[str]:
    """The culler looks ten times in the time that a server may be idle, but not more than once a minute."""
    return [
        sys.executable,
        "-I",
        "-m",
        "jupyterhub_idle_culler",
        f"--timeout={minutes * 60}",
        f"--cull-every={max(60, minutes * 6)}",
        f"--url=http://{address}:{hub_port.NUMBER}/hub/api",
    ]


def main() -> None:
    """Becomes the culler, once the hub answers."""
    config = settings(f"{os.environ['CREDENTIALS_DIRECTORY']}/settings")
    address = str(find_interface(config).ip)
    hub_port.wait_until_it_listens(address)
    os.execv(sys.executable, command(address, config["page"]["notebooks"]["idle_minutes"]))


if __name__ == "__main__":
    main()
