"""What wrong passwords for a name cost. Nothing is counted by address, as a whole class sits behind one."""
import time
from collections import defaultdict


class Slowness:
    FREE = 3  # failures that are answered as soon as the first one
    LONGEST = 30  # seconds
    MEMORY = 15 * 60  # seconds after which a failure is forgotten
    BURST = 20  # tries of a name that are looked at, however fast they come
    PACE = 2  # seconds until another one is, beyond those

    def __init__(self, clock=time.monotonic):
        self.clock = clock
        self.failures = defaultdict(list)
        # When the tries of a name will have been paid for, at the pace.
        self.paid = {}

    def admits(self, name):
        """Whether this try's password may be looked at. This limits guesses: their answers wait, but side by side."""
        now = self.clock()
        paid = max(self.paid.get(name, now), now) + self.PACE
        if paid - now > self.BURST * self.PACE:
            return False
        self.paid[name] = paid
        return True

    def failed(self, name):
        """Seconds until the failure is to be told."""
        now = self.clock()
        recent = [moment for moment in self.failures[name] if now - moment < self.MEMORY]
        self.failures[name] = [*recent, now]
        return min(2 ** max(0, len(recent) + 1 - self.FREE), self.LONGEST)

    def succeeded(self, name):
        self.failures.pop(name, None)
        self.paid.pop(name, None)
