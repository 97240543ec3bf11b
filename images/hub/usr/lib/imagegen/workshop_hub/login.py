"""Who may log in: the workshop's accounts, by their passwords; and slower after each failure."""
import asyncio
from collections import defaultdict

from jupyterhub.auth import PAMAuthenticator
from jupyterhub.utils import maybe_future

from .slowness import Slowness


class WorkshopAuthenticator(PAMAuthenticator):
    """PAM, one try at a time for each name."""

    def __init__(self, **options):
        super().__init__(**options)
        self.slowness = Slowness()
        self.turns = defaultdict(asyncio.Lock)

    async def authenticate(self, handler, data):
        name, address = data["username"], handler.request.remote_ip
        if name not in self.allowed_users:
            # As slow as a wrong password, and PAM is not asked about the machine's own accounts.
            await asyncio.sleep(max(1.0, self.slowness.delay("", address)))
            self.slowness.failed("", address)
            self.log.warning("%s tried to log in as %r, who is not in the workshop.", address, name[:40])
            return None
        async with self.turns[name]:
            await asyncio.sleep(self.slowness.delay(name, address))
            found = await maybe_future(super().authenticate(handler, data))
        if found is None:
            self.slowness.failed(name, address)
            self.log.warning("%s gave a wrong password for %s.", address, name)
        else:
            self.slowness.succeeded(name)
        return found
