"""What this node says of itself: on its console, and to the hub with the next question."""

import os

from imagegen.console import announce

JOINED = "/run/imagegen/joined"


class _Status:
    text = "This node is starting."


def current() -> str:
    """The last sentence."""
    return _Status.text


def report(text: str) -> None:
    """A sentence, once, until there is another one."""
    text = " ".join(text.encode("ascii", "replace").decode().split())
    if text != _Status.text:
        _Status.text = text
        announce(text)


def say_again() -> None:
    """The next sentence is said even if it is the last one: somebody has to do something about it."""
    _Status.text = ""


def note_joined(mark: str = JOINED) -> str:
    """Leaves a mark for whatever waits for this node; gives the sentence to tell."""
    with open("/proc/uptime") as uptime:
        seconds = uptime.read().split()[0]
    os.makedirs(os.path.dirname(mark), exist_ok=True)
    with open(mark, "w") as file:
        file.write(seconds + "\n")
    return f"This node has joined the workshop, {seconds} seconds after its kernel started."
