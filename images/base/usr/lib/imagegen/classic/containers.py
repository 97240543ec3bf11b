"""Containers that are always there, made anew when they should be other ones."""
import hashlib
import json

from imagegen.console import announce, say
from imagegen.dockerd import DockerError, docker

LABEL = "imagegen"


def specification(image, command):
    """On the machine's own network: its firewall sees every connection, and no port is forwarded around it."""
    spec = {
        "Image": image,
        "Cmd": command,
        "HostConfig": {"NetworkMode": "host", "RestartPolicy": {"Name": "always"}},
    }
    digest = hashlib.sha256(json.dumps(spec, sort_keys=True).encode()).hexdigest()
    return {**spec, "Labels": {LABEL: digest}}


def inspect(name):
    try:
        return docker("GET", f"/containers/{name}/json")
    except DockerError as error:
        if "No such container" in str(error):
            return None
        raise


def fetch(image):
    try:
        docker("GET", f"/images/{image}/json")
    except DockerError:
        say(f"Fetching the container image {image}.")
        try:
            docker("POST", f"/images/create?fromImage={image}", timeout=1800)
            docker("GET", f"/images/{image}/json")
        except DockerError as error:
            raise DockerError(f"the image {image} cannot be had: {error}") from error


def remove(name):
    """With its volumes: what a broken key-value store has written must not come back."""
    docker("DELETE", f"/containers/{name}?force=1&v=1")


def ensure(name, spec):
    """True where the container had to be made."""
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
    announce(f"The container {name} is made from {spec['Image']}.")
    return True
