"""Who may start a server now. A class that presses the button at once is let in one after the other: the first servers
are ready soon, and no machine is so busy that the swarm takes it for dead and ends all that runs on it."""

from collections.abc import Iterator
from contextlib import contextmanager


class AdmissionQueue:
    """First come, first served; the first `slots` in the queue may start."""

    def __init__(self) -> None:
        self.waiting: list[object] = []  # Those who start, and behind them those who wait.
        self.slots = 1  # How many may start at the same time.

    @contextmanager
    def admit(self, who: object) -> Iterator[None]:
        """Holds a place in the queue until the server runs or has failed."""
        self.waiting.append(who)
        try:
            yield
        finally:
            self.waiting.remove(who)

    def position(self, who: object) -> int:
        """How many have to finish before `who` may start; 0 for those who may."""
        return max(0, self.waiting.index(who) + 1 - self.slots)
