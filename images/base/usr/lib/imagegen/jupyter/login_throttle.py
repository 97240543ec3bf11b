"""What wrong passwords for a name cost. Nothing is counted by address: a whole class sits behind one."""

import time
from collections import defaultdict
from collections.abc import Callable

FREE_ATTEMPTS = 3  # failures that are answered as fast as the first one
LONGEST_DELAY = 30  # seconds until a failure is answered
FORGET_AFTER = 15 * 60  # seconds after which a failure no longer counts
BUCKET_SIZE = 20  # attempts for a name that are looked at, however fast they come
REFILL_SECONDS = 2  # seconds until one more is, beyond those


class LoginThrottle:
    """Delays the answers to wrong passwords, and limits how many are looked at: a token bucket for each user name."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.failures: defaultdict[str, list[float]] = defaultdict(list)
        self.full_at: dict[str, float] = {}  # When the bucket of a name will be full again.

    def admit(self, name: str) -> bool:
        """Whether the password of this attempt may be looked at. Delayed answers alone do not limit guesses, as an
        attacker can wait for many answers at the same time."""
        now = self.clock()
        full_at = max(self.full_at.get(name, now), now) + REFILL_SECONDS
        if full_at - now > BUCKET_SIZE * REFILL_SECONDS:
            return False
        self.full_at[name] = full_at
        return True

    def record_failure(self, name: str) -> int:
        """Seconds to wait until the failure is answered."""
        now = self.clock()
        recent = [moment for moment in self.failures[name] if now - moment < FORGET_AFTER]
        self.failures[name] = [*recent, now]
        delay: int = 2 ** max(0, len(recent) + 1 - FREE_ATTEMPTS)
        return min(delay, LONGEST_DELAY)

    def record_success(self, name: str) -> None:
        """Forgets the failures of this name."""
        self.failures.pop(name, None)
        self.full_at.pop(name, None)
