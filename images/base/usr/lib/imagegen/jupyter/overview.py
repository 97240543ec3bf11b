"""The organiser's page as plain values, from what Docker and JupyterHub say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypedDict

from imagegen.jupyter import specification
from imagegen.jupyter.specification import Json

if TYPE_CHECKING:
    from imagegen.schema import Notebooks

GIB = 2**30
MIB = 2**20


class Machine(TypedDict):
    """A row of the table of machines."""

    name: str
    address: str
    state: str
    ready: bool
    image: bool  # whether it has a notebook image
    cpus: float
    memory: float  # GiB
    students: int
    room: int  # for so many more students
    message: str  # the last one that it sent to the hub


class Student(TypedDict):
    """A row of the table of students."""

    name: str
    machine: str
    state: str
    started: str
    memory: float | None  # MiB


class Overview(TypedDict, total=False):
    """The whole page. `machines` is None where Docker does not know them."""

    students: list[Student]
    machines: list[Machine] | None
    room: int
    warnings: list[str]


# Of a server that runs: when it started, and its memory in bytes.
Running = tuple[str, float | None]
# What each node said last, by its address and name.
NodeStatus = Mapping[str, Mapping[str, object]]


def students_only(running: Mapping[str, Running]) -> Overview:
    """What is known where the manager of the classic engine does not answer."""
    students = [student_row(name, *running[name], None, {}) for name in sorted(running)]
    return {"students": students, "machines": None, "warnings": []}


def summarise(
    nodes: Sequence[Json],
    tasks: Sequence[Json],
    running: Mapping[str, Running],
    status: NodeStatus,
    options: Notebooks,
    own_address: str,
) -> Overview:
    """The page of a swarm."""
    # A node that left the swarm before it had sent its name stays in the list for a while, and is not a machine.
    nodes = [node for node in nodes if "Hostname" in node["Description"]]
    names = {node["ID"]: node["Description"]["Hostname"] for node in nodes}
    servers = [task for task in tasks if specification.is_alive(task) and student(task)]
    task_of = {student(task): task for task in reversed(servers)}
    machines = [machine_row(node, servers, status, options, own_address) for node in nodes if takes(node, options)]
    return {
        "students": [student_row(name, *running[name], task_of.get(name), names) for name in sorted(running)],
        "machines": sorted(machines, key=lambda each: each["name"]),
        "room": sum(each["room"] for each in machines),
        "warnings": warnings(machines),
    }


def student(task: Json) -> str | None:
    """Whose server a task is."""
    return (task["Spec"]["ContainerSpec"].get("Labels") or {}).get(specification.STUDENT)


def takes(node: Json, options: Notebooks) -> bool:
    """Whether the machine is there for notebooks."""
    return node["Spec"]["Role"] == "worker" or options["on_hub"]


def machine_row(
    node: Json, servers: Sequence[Json], status: NodeStatus, options: Notebooks, own_address: str
) -> Machine:
    """What is shown of a machine."""
    resources = node["Description"]["Resources"]
    here = [task for task in servers if task.get("NodeID") == node["ID"]]
    unreserved = resources["MemoryBytes"] - len(here) * options["reserve"]
    ready = specification.is_ready(node)
    image = bool(options["image"]) or specification.LABEL in specification.engine_labels(node)
    name, address = node["Description"]["Hostname"], specification.address(node, own_address)
    return {
        "name": name,
        "address": address,
        "state": "ready" if ready else f"{node['Status']['State']}, {node['Spec']['Availability']}",
        "ready": ready,
        "image": image,
        "cpus": resources["NanoCPUs"] / 1e9,
        "memory": resources["MemoryBytes"] / GIB,
        "students": len(here),
        "room": max(0, int(unreserved // options["reserve"])) if ready and image else 0,
        "message": str(status.get(f"{address} {name}", {}).get("text", "")),
    }


def student_row(name: str, started: str, memory: float | None, task: Json | None, names: Mapping[str, str]) -> Student:
    """What is shown of a student whose server runs."""
    return {
        "name": name,
        "machine": names.get(task.get("NodeID", ""), "") if task else "",
        "state": task["Status"]["State"] if task else "",
        "started": started,
        "memory": None if memory is None else memory / MIB,
    }


def warnings(machines: Sequence[Machine]) -> list[str]:
    """Sentences on what is wrong."""
    if not machines:
        return ["No node has joined yet."]
    found = [f"{each['name']} is {each['state']}." for each in machines if not each["ready"]]
    names = Counter(each["name"] for each in machines)
    found += [
        f"{names[name]} machines have the host name {name}: give each its own." for name in names if names[name] > 1
    ]
    found += [f"{each['name']} has no notebook image." for each in machines if each["ready"] and not each["image"]]
    if not sum(each["room"] for each in machines):
        found.append("There is no room for another student: launch one more node.")
    return found
