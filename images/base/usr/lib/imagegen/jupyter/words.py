"""What is said to a student who waits or cannot start, and to the organiser."""
from typing import NamedTuple


class Trouble(NamedTuple):
    student: str
    organiser: str
    reason: str  # a label of JupyterHub's metrics
    may_pass: bool = False  # whether waiting may help


def of_task(name, status):
    """What keeps a task from running, by what Docker says of it; None where nothing does."""
    state, error = status["State"], status.get("Err", "")
    said = error.lower()
    if "no suitable node" in said and "insufficient resources" in said:
        return Trouble(
            "There is no room left on the workshop's machines at the moment. It gets free when somebody stops a server; "
            "please tell the organiser.",
            f"No room for {name}: every machine is full. Launch one more node, or let students stop their servers.",
            "no_room",
            may_pass=True,
        )
    if "no suitable node" in said:
        return no_machine(name)
    if "bind source path does not exist" in said or "too many levels of symbolic links" in said:
        path = error.rsplit(":", 1)[-1].strip()
        return Trouble(
            "Your home folder cannot be reached at the moment. Please try again in a minute, and then tell the organiser.",
            f"{name} cannot start: {path} is not there on the machine. Does it reach the hub's NFS server?",
            "home_missing",
        )
    if any(words in said for words in ("no such image", "pull access denied", "manifest unknown", "not found: manifest", "repository does not exist")):
        return no_image(name, error)
    if state in ("failed", "rejected", "shutdown", "orphaned", "remove", "complete"):
        return Trouble(
            "Your server ended before it was ready. Please try again, and then tell the organiser.",
            f"The server of {name} is {state}: {error or status.get('Message', '')}",
            "ended",
        )
    return None


def no_machine(name):
    return Trouble(
        "No machine is ready for notebooks yet. Please wait a minute.",
        f"No machine for {name}: no node with the notebook image has joined, or all are down.",
        "no_machine",
        may_pass=True,
    )


def no_image(name, error):
    return Trouble(
        "The workshop's notebook image is missing on the machine. Please tell the organiser.",
        f"{name} cannot start: the notebook image is missing on the machine ({error}).",
        "no_image",
    )


def no_docker(name, error):
    return Trouble(
        "The workshop's machines cannot be asked at the moment. Please try again in a minute, and then tell the organiser.",
        f"{name} cannot start: Docker on the hub answers {error}.",
        "no_docker",
    )


def not_listed(name):
    return Trouble(
        "You are not on the list of this workshop. Please tell the organiser.",
        f"{name} is not in the workshop's list of users.",
        "not_listed",
    )


def wrong_version(name, have, hub):
    return Trouble(
        "The workshop's notebook image does not fit this hub. Please tell the organiser.",
        f"The notebook image has JupyterHub {have or 'of no version'} and the hub has {hub}: both must be of one major version.",
        "wrong_version",
    )


def too_slow(name, seconds):
    return Trouble(
        "Your server took too long to start. Please try again, and then tell the organiser.",
        f"The server of {name} did not answer within {seconds} seconds (`start_seconds`).",
        "too_slow",
    )


def turn(ahead):
    """While others start."""
    who = "one other starts" if ahead == 1 else f"{ahead} others start"
    return f"Many servers are being started at once; {who} before yours."


def slow(seconds):
    """While Docker has not said that the server runs."""
    return f"Your server is being started ({int(seconds)} seconds so far)."
