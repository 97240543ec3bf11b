"""Who may log in: the workshop's accounts, by their passwords; wrong ones are answered later and later."""

import asyncio
from collections import defaultdict
from typing import Any

from jupyterhub.auth import PAMAuthenticator
from jupyterhub.utils import maybe_future
from tornado import web

from imagegen.jupyter.login_throttle import LoginThrottle

UNKNOWN_DELAY = 1  # seconds, as for a first wrong password
REFUSAL_DELAY = 3  # seconds before a refusal, which slows down a client that floods a name
TOO_MANY_REQUESTS = 429
REFUSAL = (
    "Too many passwords are being tried for this name. Please try again in a few seconds, and then tell the organiser."
)


class WorkshopAuthenticator(PAMAuthenticator):
    """PAM. The right password never waits for wrong ones, which somebody else may be trying for the same name."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.throttle = LoginThrottle()
        # PAM looks at one attempt for a name after the other: a name that is flooded leaves threads to the others.
        self.locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def authenticate(self, handler: Any, data: dict[str, str]) -> Any:
        """What PAM says, or None for a name or password that is wrong."""
        name, address = data["username"], handler.request.remote_ip
        if name not in self.allowed_users:
            # PAM is not asked about the machine's own accounts.
            self.log.warning("%s tried to log in as %r, who is not in the workshop.", address, name[:40])
            await asyncio.sleep(UNKNOWN_DELAY)
            return None
        if not self.throttle.admit(name):
            self.log.warning("%s tried to log in as %s, for whom too many passwords are being tried.", address, name)
            await asyncio.sleep(REFUSAL_DELAY)
            raise web.HTTPError(TOO_MANY_REQUESTS, REFUSAL)
        async with self.locks[name]:
            found = await maybe_future(super().authenticate(handler, data))
        if found is None:
            self.log.warning("%s gave a wrong password for %s.", address, name)
            await asyncio.sleep(self.throttle.record_failure(name))
        else:
            self.throttle.record_success(name)
        return found
