"""Who may log in: the workshop's accounts, by their passwords; wrong ones are answered later and later."""

import asyncio
import os
import time
from collections import defaultdict
from typing import Any

from jupyterhub.auth import PAMAuthenticator
from jupyterhub.utils import maybe_future
from tornado import web

from imagegen.jupyter.login_throttle import LoginThrottle

REFUSAL_DELAY = 3  # seconds before a refusal, which slows down a client that floods a name
MOST_WAITING = 2000  # answers that wait; others come at once, as each takes memory
CHECKS_EACH = 2  # passwords of a name that PAM looks at at once
TOO_MANY_REQUESTS = 429
REFUSAL = (
    "Too many passwords are being tried for this name. Please try again in a few seconds, and then tell the organiser."
)
# Passwords that people brought (imagegen.hub.passwords). The generated ones have 60 random bits: nobody guesses them.
BROUGHT = "/etc/imagegen/passwords"


class WorkshopAuthenticator(PAMAuthenticator):
    """PAM. The right password never waits for wrong ones, which somebody else may be trying for the same name; and the
    time of an answer does not tell whether there is such a name."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.throttle = LoginThrottle()
        self.waiting = 0
        # A name that is flooded leaves threads to the others.
        self.turns: defaultdict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(CHECKS_EACH))
        # Alike for all names, as it would tell names apart otherwise.
        self.guessable = os.path.exists(BROUGHT)

    async def authenticate(self, handler: Any, data: dict[str, str]) -> Any:
        """What PAM says, or None for a name or password that is wrong."""
        data = {"username": "", "password": "", **data}
        start, name, address = time.monotonic(), data["username"], handler.request.remote_ip
        if self.guessable and not self.throttle.admit(name, address):
            self.log.warning("%s tried too many passwords for %r.", address, name[:40])
            await self.wait_until(start + REFUSAL_DELAY)
            raise web.HTTPError(TOO_MANY_REQUESTS, REFUSAL)
        delay = self.throttle.count(name)
        # PAM is not asked about the machine's own accounts.
        found = await self.ask_pam(handler, data) if name in self.allowed_users else None
        if found is None:
            self.log.warning("%s gave a wrong name or password for %r.", address, name[:40])
            await self.wait_until(start + delay)
        else:
            self.throttle.record_success(name, address)
        return found

    async def ask_pam(self, handler: Any, data: dict[str, str]) -> Any:
        """Whether the password is right."""
        async with self.turns[data["username"]]:
            return await maybe_future(super().authenticate(handler, data))

    async def wait_until(self, moment: float) -> None:
        """How long PAM looked does not add to an answer's time."""
        if self.waiting < MOST_WAITING:
            self.waiting += 1
            try:
                await asyncio.sleep(moment - time.monotonic())
            finally:
                self.waiting -= 1
