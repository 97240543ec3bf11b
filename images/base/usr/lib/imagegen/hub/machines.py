"""What a golden hub knows of its swarm's machines for the organiser: what each said last, which have one host name,
and whether the hub takes tasks."""

from __future__ import annotations

import os
from typing import Any

from imagegen.console import announce
from imagegen.dockerd import docker
from imagegen.files import write_whole

# From the rendezvous's closed folder to where JupyterHub may read it for the organiser's page.
STATUS = ("/run/imagegen-rendezvous/node-status.json", "/run/imagegen/node-status.json")
# Seen so many times, two machines have one name: a machine that joined again is there twice until Docker has missed it.
LOOKS = 15


def namesakes(nodes: list[dict[str, Any]]) -> list[str]:
    """Sentences on names that several machines have, by their addresses."""
    machines: dict[str, set[str]] = {}
    for node in nodes:
        if node["Status"]["State"] == "ready" and "Hostname" in node["Description"]:
            machines.setdefault(node["Description"]["Hostname"], set()).add(node["Status"]["Addr"])
    return [
        f"Machines at {' and '.join(sorted(each))} have the same host name, {name}: launch one with another name."
        for name, each in machines.items()
        if len(each) > 1
    ]


def publish_status() -> None:
    """Copies what the nodes said."""
    try:
        with open(STATUS[0]) as file:
            status = file.read()
    except FileNotFoundError:
        return  # No node has asked yet.
    os.makedirs(os.path.dirname(STATUS[1]), exist_ok=True)
    write_whole(STATUS[1], status)


def superseded(nodes: list[dict[str, Any]]) -> list[str]:
    """Nodes that are down although a machine of the same name is ready: a machine that joined again."""
    ready = {node["Description"].get("Hostname") for node in nodes if node["Status"]["State"] == "ready"} - {None}
    return [
        node["ID"]
        for node in nodes
        if node["Status"]["State"] == "down" and node["Description"].get("Hostname") in ready
    ]


def set_availability(node: dict[str, Any], availability: str) -> None:
    """Whether a node takes tasks, where another text says otherwise than the one with which the swarm was made."""
    if node["Spec"]["Availability"] != availability:
        spec = {**node["Spec"], "Availability": availability}
        docker("POST", f"/nodes/{node['ID']}/update?version={node['Version']['Index']}", spec)


class Watch:
    """Looks at the machines again and again. `availability` is the hub's own."""

    def __init__(self, availability: str) -> None:
        self.availability = availability
        self.seen: dict[str, int] = {}

    def look(self, nodes: list[dict[str, Any]]) -> None:
        """At what Docker says now."""
        publish_status()
        for node in nodes:
            if node["Spec"]["Role"] == "manager":
                set_availability(node, self.availability)
        for node_id in superseded(nodes):
            docker("DELETE", f"/nodes/{node_id}?force=1")
        self.seen = {each: self.seen.get(each, 0) + 1 for each in namesakes(nodes)}
        for each, times in self.seen.items():
            if times == LOOKS:
                announce(each)
