"""How much students store in their homes."""

from __future__ import annotations

import json
from typing import Any, TypedDict

USAGE = "/run/imagegen/usage.json"  # hub/quota.py writes it each minute.
UNITS = (("GB", 10**9), ("MB", 10**6))


class Usage(TypedDict):
    """Bytes: what each may store, and what each does."""

    limit: int
    used: dict[str, int]


def readable(size: int) -> str:
    """`1.5 GB` or `120 MB`."""
    unit, bytes_of_unit = UNITS[0] if size >= 10**9 else UNITS[1]
    number = size / bytes_of_unit
    return f"{number:.1f} {unit}" if unit == "GB" else f"{number:.0f} {unit}"


def stored(name: str) -> str:
    """`120 MB of 1.5 GB`; nothing where there are no quotas."""
    try:
        with open(USAGE) as file:
            usage: Usage = json.load(file)
        return f"{readable(usage['used'][name])} of {readable(usage['limit'])}"
    except (OSError, ValueError, KeyError):
        return ""


def stored_by(user: Any) -> str:
    """The same for JupyterHub's user, who may not be logged in."""
    return stored(user.name) if user else ""
