"""What the user-data says, as the programs read it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from imagegen.schema import Settings

PATH = "/etc/imagegen/settings.json"


def settings(path: str = PATH) -> Settings:
    """The settings of this machine."""
    with open(path) as file:
        value: Settings = json.load(file)
    return value
