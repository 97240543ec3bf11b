"""What wrong passwords for a name cost. A name that nobody has costs the same."""

import time
from collections.abc import Callable

FIRST_DELAY = 1  # seconds until a failure is answered
FREE_ATTEMPTS = 3  # failures that are answered as fast as the first one
LONGEST_DELAY = 30  # seconds until a failure is answered
FORGET_AFTER = 15 * 60  # seconds after which a failure no longer counts
COUNTED = 16  # failures of a name; more delay nothing longer
BUCKET_SIZE = 20  # guesses of an address that are looked at, however fast they come
REFILL_SECONDS = 2  # seconds until one more is, beyond those
MOST = 20_000  # names that are remembered, and addresses with each


class LoginThrottle:
    """Delays the answers to wrong passwords; where passwords can be guessed, it limits how many are looked at."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.failures: dict[str, list[float]] = {}
        self.full_at: dict[tuple[str, str], float] = {}  # When the bucket of a name and an address will be full again.

    def admit(self, name: str, address: str) -> bool:
        """Whether the password of this attempt may be looked at. Delayed answers alone do not limit guesses, as an
        attacker can wait for many answers at the same time."""
        now = self.clock()
        full_at = max(self.full_at.pop((name, address), now), now) + REFILL_SECONDS
        admitted = full_at - now <= BUCKET_SIZE * REFILL_SECONDS
        self.full_at[name, address] = full_at if admitted else full_at - REFILL_SECONDS
        if len(self.full_at) > MOST:
            del self.full_at[next(iter(self.full_at))]
        return admitted

    def count(self, name: str) -> int:
        """Counts an attempt, as if it failed; seconds until its failure is to be answered."""
        now = self.clock()
        recent = [moment for moment in self.failures.pop(name, []) if now - moment < FORGET_AFTER]
        self.failures[name] = [*recent, now][-COUNTED:]
        if len(self.failures) > MOST:
            del self.failures[next(iter(self.failures))]
        delay: int = FIRST_DELAY * 2 ** max(0, len(recent) + 1 - FREE_ATTEMPTS)
        return min(delay, LONGEST_DELAY)

    def record_success(self, name: str, address: str) -> None:
        """Forgets the failures of this name."""
        self.failures.pop(name, None)
        self.full_at.pop((name, address), None)
