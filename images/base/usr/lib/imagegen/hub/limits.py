"""How much memory the page's services may take, by the size of the class: one that takes more is ended and starts
again. The other services and the homes go on."""

from __future__ import annotations

import os
from typing import NamedTuple

from imagegen.files import write_whole
from imagegen.users import table

# Before everything below /etc, where each unit has what suits a small class.
UNITS = "/run/systemd/system"
MIB = 1 << 20


class Share(NamedTuple):
    """What a service may take, in MiB."""

    base: int
    student: float

    def of(self, students: int) -> int:
        """Bytes for so many students."""
        return self.base * MIB + int(self.student * students * MIB)


# Without students, JupyterHub takes 140 MiB. Others have buffers for each connection; an open notebook has about ten.
SHARES = {
    "jupyterhub.service": Share(512, 2),
    "imagegen-proxy.service": Share(256, 0.5),
    "imagegen-web.service": Share(256, 1),
}


def write(units: str = UNITS) -> None:
    """Leaves a file for each service; systemd reads it when it is told to read units again."""
    students = len(table().users)
    for unit, share in SHARES.items():
        folder = f"{units}/{unit}.d"
        os.makedirs(folder, exist_ok=True)
        write_whole(f"{folder}/sized.conf", f"[Service]\nMemoryMax={share.of(students)}\n")
