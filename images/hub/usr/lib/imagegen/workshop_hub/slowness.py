"""How long a login has to wait after failures."""
import time
from collections import defaultdict


class Slowness:
    """How long the next try has to wait, by the failures before it. A class sits behind one address: that may fail more."""

    FREE = {"name": 3, "address": 40}  # failures that cost nothing
    LONGEST = 30  # seconds
    MEMORY = 15 * 60  # seconds after which a failure is forgotten

    def __init__(self, clock=time.monotonic):
        self.clock = clock
        self.failures = defaultdict(list)

    def delay(self, name, address):
        """Seconds."""
        return max(self._delay(("name", name)), self._delay(("address", address)))

    def _delay(self, key):
        recent = [moment for moment in self.failures.get(key, []) if self.clock() - moment < self.MEMORY]
        if key in self.failures:
            self.failures[key] = recent
        beyond = len(recent) - self.FREE[key[0]]
        return min(2.0**beyond, self.LONGEST) if beyond >= 0 else 0.0

    def failed(self, name, address):
        for key in ("name", name), ("address", address):
            self.failures[key].append(self.clock())

    def succeeded(self, name):
        self.failures.pop(("name", name), None)
