"""Docker's options on this machine."""

import glob
import json
import os
import re

from imagegen.files import write_whole

OPTIONS = "/etc/docker/daemon.json"
USUAL_ROOT = "/var/lib/docker"


def data_root(options: str = OPTIONS) -> str:
    """Where Docker keeps its data."""
    with open(options) as file:
        root: str = json.load(file).get("data-root", USUAL_ROOT)
    return root


def smallest_mtu(links: str = "/sys/class/net") -> int | None:
    """The largest packet in bytes that all links with a device behind them take."""
    sizes = []
    for device in glob.glob(f"{links}/*/device"):
        with open(f"{os.path.dirname(device)}/mtu") as file:
            sizes.append(int(file.read()))
    return min(sizes, default=None)


def fit_mtu(mtu: int | None, options: str = OPTIONS) -> None:
    """Tenant networks carry smaller packets than a wire: Docker's bridges take what the machine's own links take."""
    with open(options) as file:
        text = file.read()
    if mtu is not None:
        write_whole(options, re.sub(r'"mtu": \d+', f'"mtu": {mtu}', text))
