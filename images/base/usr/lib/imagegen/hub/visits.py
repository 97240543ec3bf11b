"""What clients of the rendezvous did, for the journal: at most one line for each address and minute."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

from imagegen.console import say

PERIOD = 60  # seconds
MOST = 4096  # addresses
OTHERS = "one of many other machines"


class Visits:
    """The journal gets the first thing that an address does immediately, and the rest once a minute."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        # By address, since when it is counted and what it has done since.
        self.counted: dict[str, tuple[float, Counter[str]]] = {}

    def note(self, address: str, what: str) -> None:
        """Something that an address did."""
        if address not in self.counted and len(self.counted) >= MOST:
            address = OTHERS
        if address in self.counted:
            self.counted[address][1][what] += 1
        else:
            self.counted[address] = self.clock(), Counter()
            say(f"{address} {what}.")

    def tell(self) -> None:
        """Tells what has been counted for a minute, and forgets who has done nothing."""
        now = self.clock()
        for address, (since, done) in list(self.counted.items()):
            if now - since < PERIOD:
                continue
            del self.counted[address]
            if done:
                self.counted[address] = now, Counter()
                say(f"{address}, since then: {', '.join(f'{what} ({times})' for what, times in done.items())}.")
