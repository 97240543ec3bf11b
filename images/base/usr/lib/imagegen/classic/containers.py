"""Containers that always run, and are replaced when their arguments change."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from imagegen.console import announce, say
from imagegen.dockerd import DockerError, docker

LABEL = "imagegen"
Json = dict[str, Any]


def specification(image: str, command: list[str]) -> Json:
    """On the machine's own network: its firewall sees every connection, and no port is forwarded around it."""
    spec = {
        "Image": image,
        "Cmd": command,
        "HostConfig": {"NetworkMode": "host", "RestartPolicy": {"Name": "always"}},
    }
    digest = hashlib.sha256(json.dumps(spec, sort_keys=True).encode()).hexdigest()
    return {**spec, "Labels": {LABEL: digest}}


def inspect(name: str) -> Json | None:
    """What Docker knows of the container; None if there is none."""
    try:
        found: Json = docker("GET", f"/containers/{name}/json")
        return found
    except DockerError as error:
        if "No such container" in str(error):
            return None
        raise


def fetch(image: str) -> None:
    """Pulls the image unless it is here."""
    try:
        docker("GET", f"/images/{image}/json")
    except DockerError:
        say(f"Fetching the container image {image}.")
        try:
            docker("POST", f"/images/create?fromImage={image}", timeout=1800)
            docker("GET", f"/images/{image}/json")
        except DockerError as error:
            raise DockerError(f"the image {image} cannot be fetched: {error}") from error


def remove(name: str) -> None:
    """With its volumes: what a broken key-value store has written must not come back."""
    docker("DELETE", f"/containers/{name}?force=1&v=1")


def restart(name: str) -> None:
    """Ends it, and starts it again."""
    docker("POST", f"/containers/{name}/restart?t=5")


def ensure(name: str, spec: Json) -> bool:
    """True if the container had to be made."""
    here = inspect(name)
    if here and here["Config"]["Labels"].get(LABEL) == spec["Labels"][LABEL]:
        if not here["State"]["Running"] and not here["State"]["Restarting"]:
            docker("POST", f"/containers/{name}/start")
        return False
    fetch(spec["Image"])
    if here:
        remove(name)
    docker("POST", f"/containers/create?name={name}", spec)
    docker("POST", f"/containers/{name}/start")
    announce(f"The container {name} was created from {spec['Image']}.")
    return True
