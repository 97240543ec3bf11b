"""Sentences for the journal and for the console, which Horizon shows as the instance's log."""

import sys
from typing import NoReturn

CONSOLE = "/dev/console"


def say(text: str) -> None:
    """A sentence for the journal."""
    print(text, flush=True)


def announce(text: str) -> None:
    """A milestone or a failure, for the console too: Horizon's log tab shows nothing else."""
    say(text)
    try:
        with open(CONSOLE, "w") as console:
            console.write(f"imagegen: {text}\r\n")
    except OSError:
        pass


def fail(text: str) -> NoReturn:
    """Announces why this program cannot go on, and ends it."""
    announce(text)
    sys.exit(1)
