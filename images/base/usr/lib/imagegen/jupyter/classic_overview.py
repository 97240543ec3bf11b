"""The organiser's page with the classic engine, from what the manager of the standalone Swarm says."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from imagegen.classic import health
from imagegen.jupyter import overview, specification
from imagegen.jupyter.specification import Json

if TYPE_CHECKING:
    from imagegen.jupyter.overview import Machine, Overview, Running
    from imagegen.schema import Notebooks

UNKNOWN = "(unknown)"
# As the manager writes sizes (docker/go-units).
UNITS = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}


def nodes(info: Json) -> list[dict[str, str]]:
    """Each node's rows by their names, with its own `name` and `address`: those of nodes are indented, and what is said
    of a node more than that."""
    found: list[dict[str, str]] = []
    for raw, value in health.pairs(info):
        key = raw.lstrip("\b")
        if key.lstrip().startswith("└") and found:
            found[-1][key.strip(" └")] = value
        elif key.startswith(" "):
            address = value.partition(":")[0]
            # The manager does not know yet what a node is called that it does not take.
            found.append({"name": address if key.strip() == UNKNOWN else key.strip(), "address": address})
    return found


def size(text: str) -> float:
    """Bytes of `4.052 GiB`; nothing of what is no size."""
    match = re.fullmatch(r"([0-9.]+) ?([KMGT]iB|B)", text.strip())
    return float(match[1]) * UNITS[match[2]] if match else 0.0


def machine_row(node: dict[str, str], students: int, options: Notebooks) -> Machine:
    """What is shown of a machine. The manager reserves the whole limit of each server."""
    reserved, _, total = node.get("Reserved Memory", "").partition(" / ")
    trouble = node.get("Error", "(none)")
    ready = node.get("Status") == "Healthy"
    return {
        "name": node["name"],
        "address": node["address"],
        "state": "ready" if ready else node.get("Status", "unknown").lower(),
        "ready": ready,
        "image": True,  # The manager does not know which images its nodes have.
        "cpus": float(node.get("Reserved CPUs", "0 / 0").rpartition(" / ")[2] or 0),
        "memory": size(total) / overview.GIB,
        "students": students,
        "room": max(0, int((size(total) - size(reserved)) // options["memory"])) if ready else 0,
        "message": "" if trouble == "(none)" else trouble,
    }


def servers(containers: Sequence[Json]) -> dict[str, tuple[str, str]]:
    """Machine and state of each student's server that runs, by the student."""
    found = {}
    for container in containers:
        student = (container.get("Labels") or {}).get(specification.STUDENT)
        if student and container.get("State") == "running":
            # The manager puts the node's name before the container's: /node-1/notebook-2001.
            found[student] = container["Names"][0].split("/")[1], container["State"]
    return found


def summarise(info: Json, containers: Sequence[Json], running: Mapping[str, Running], options: Notebooks) -> Overview:
    """The page."""
    placed = servers(containers)
    counts = [machine for machine, _ in placed.values()]
    machines = [machine_row(node, counts.count(node["name"]), options) for node in nodes(info)]
    students = []
    for name in sorted(running):
        row = overview.student_row(name, *running[name], None, {})
        row["machine"], row["state"] = placed.get(name, ("", ""))
        students.append(row)
    fault = health.of_manager(info)
    said = [f"The swarm is not ready: {fault.text}."] if fault else []
    return {
        "students": students,
        "machines": sorted(machines, key=lambda each: each["name"]),
        "room": sum(each["room"] for each in machines),
        "warnings": said + (overview.warnings(machines) if machines or not fault else []),
    }
