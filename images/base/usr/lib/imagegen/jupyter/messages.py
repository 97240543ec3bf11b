"""What a student reads who waits or whose server does not start, and what the organiser reads then."""

from typing import Any, NamedTuple

ENDED = ("failed", "rejected", "shutdown", "orphaned", "remove", "complete")
HOME_MISSING = ("bind source path does not exist", "too many levels of symbolic links")
IMAGE_MISSING = (
    "no such image",
    "pull access denied",
    "manifest unknown",
    "not found: manifest",
    "repository does not exist",
)


class SpawnFailure(NamedTuple):
    """Why a server does not start."""

    student: str
    organiser: str
    reason: str  # a label of JupyterHub's metrics
    is_temporary: bool = False  # whether waiting may help


def task_failure(name: str, status: dict[str, Any]) -> SpawnFailure | None:
    """What keeps a task from running, by its status in Docker; None if nothing does."""
    state, error = status["State"], status.get("Err", "")
    said = error.lower()
    if "no suitable node" in said:
        return no_room(name) if "insufficient resources" in said else no_machine(name)
    if any(words in said for words in HOME_MISSING):
        return home_missing(name, error.rsplit(":", 1)[-1].strip())
    if any(words in said for words in IMAGE_MISSING):
        return no_image(name, error)
    if state in ENDED:
        return ended(name, f"{state}: {error or status.get('Message', '')}")
    return None


def task_end(name: str, status: dict[str, Any]) -> SpawnFailure:
    """Why a task that should be running is not, although its node may still say so."""
    return task_failure(name, {**status, "State": "failed"}) or ended(name, "failed")


def no_room(name: str) -> SpawnFailure:
    """All nodes are full."""
    return SpawnFailure(
        "There is no room left on the workshop's machines at the moment. You get a place when somebody stops a server; "
        "please tell the organiser.",
        f"No room for {name}: every machine is full. Launch one more node, or let students stop their servers.",
        "no_room",
        is_temporary=True,
    )


def no_machine(name: str) -> SpawnFailure:
    """There are no nodes yet."""
    return SpawnFailure(
        "No machine is ready for notebooks yet. Please wait a minute.",
        f"No machine for {name}: no node with the notebook image has joined, or all are down.",
        "no_machine",
        is_temporary=True,
    )


def home_missing(name: str, path: str) -> SpawnFailure:
    """The node could not mount the home folder."""
    return SpawnFailure(
        "Your home folder cannot be reached at the moment. Please try again in a minute, and then tell the organiser.",
        f"{name} cannot start: {path} is not there on the machine. Does it reach the hub's NFS server?",
        "home_missing",
    )


def no_image(name: str, error: str) -> SpawnFailure:
    """The node does not have the notebook image."""
    return SpawnFailure(
        "The workshop's notebook image is missing on the machine. Please tell the organiser.",
        f"{name} cannot start: the notebook image is missing on the machine ({error}).",
        "no_image",
    )


def ended(name: str, how: str) -> SpawnFailure:
    """The server's program has ended."""
    return SpawnFailure(
        "Your server ended before it was ready. Please try again, and then tell the organiser.",
        f"The server of {name} is {how}",
        "ended",
    )


def no_docker(name: str, error: Exception) -> SpawnFailure:
    """Docker on the hub has failed."""
    return SpawnFailure(
        "The workshop's machines cannot be reached at the moment. Please try again in a minute, "
        "and then tell the organiser.",
        f"{name} cannot start: Docker on the hub answers {error}.",
        "no_docker",
    )


def not_listed(name: str) -> SpawnFailure:
    """The user has no account."""
    return SpawnFailure(
        "You are not on the list of this workshop. Please tell the organiser.",
        f"{name} is not in the workshop's list of users.",
        "not_listed",
    )


def wrong_version(name: str, have: str, hub: str) -> SpawnFailure:
    """Hub and notebook image have different major versions of JupyterHub."""
    return SpawnFailure(
        "The workshop's notebook image does not fit this hub. Please tell the organiser.",
        f"The notebook image has JupyterHub {have or 'of no version'} and the hub has {hub}: "
        "both must have the same major version.",
        "wrong_version",
    )


def too_slow(name: str, seconds: int) -> SpawnFailure:
    """The server did not answer in time."""
    return SpawnFailure(
        "Your server took too long to start. Please try again, and then tell the organiser.",
        f"The server of {name} did not answer within {seconds} seconds (`start_seconds`).",
        "too_slow",
    )


def queued(position: int) -> str:
    """For a student, while others start."""
    who = "one other starts" if position == 1 else f"{position} others start"
    return f"Many servers are being started at once; {who} before yours."


def starting(seconds: float) -> str:
    """For a student, until Docker says that the server runs."""
    return f"Your server is being started ({int(seconds)} seconds so far)."


def machine_lost() -> str:
    """For a student whose server starts a second time."""
    return "The machine for your server does not answer; another one is being tried."
