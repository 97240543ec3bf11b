"""Who may log in: the workshop's accounts, by their passwords; wrong ones are answered later and later."""
import asyncio
from collections import defaultdict

from jupyterhub.auth import PAMAuthenticator
from jupyterhub.utils import maybe_future
from tornado import web

from imagegen.jupyter.slowness import Slowness

PAUSE = 3  # seconds before a refusal, so that whoever floods a name does so more slowly
REFUSAL = "Too many passwords are being tried for this name. Please try again in a few seconds, and then tell the organiser."


class WorkshopAuthenticator(PAMAuthenticator):
    """PAM. Whoever has the right password never waits for the failures of others, who may be after the same name."""

    def __init__(self, **options):
        super().__init__(**options)
        self.slowness = Slowness()
        # PAM looks at one try of a name after the other: a name that is flooded leaves its threads to the others.
        self.turns = defaultdict(asyncio.Lock)

    async def authenticate(self, handler, data):
        name, address = data["username"], handler.request.remote_ip
        if name not in self.allowed_users:
            # As slow as a first wrong password, and PAM is not asked about the machine's own accounts.
            self.log.warning("%s tried to log in as %r, who is not in the workshop.", address, name[:40])
            await asyncio.sleep(1)
            return None
        if not self.slowness.admits(name):
            self.log.warning("%s tried to log in as %s, for whom too many passwords are being tried.", address, name)
            await asyncio.sleep(PAUSE)
            raise web.HTTPError(429, REFUSAL)
        async with self.turns[name]:
            found = await maybe_future(super().authenticate(handler, data))
        if found is None:
            self.log.warning("%s gave a wrong password for %s.", address, name)
            await asyncio.sleep(self.slowness.failed(name))
        else:
            self.slowness.succeeded(name)
        return found
