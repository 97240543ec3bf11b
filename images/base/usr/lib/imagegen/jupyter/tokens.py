"""What the organiser's page shows a student's server to be let in. A server is its student's own program and reads what
it is shown: each gets a token that opens this one server, and nothing else."""

import time
from typing import Any

LIFETIME = 3600  # seconds


class Tokens:
    """One token for each student, made again before it expires."""

    def __init__(self) -> None:
        self.kept: dict[str, tuple[str, float]] = {}  # By name: the token, and the monotonic time of its renewal.

    def of(self, user: Any) -> str:
        """The token for the server of this user of JupyterHub."""
        kept, until = self.kept.get(user.name, ("", 0.0))
        if time.monotonic() < until:
            return kept
        scopes = [f"access:servers!user={user.name}"]
        token: str = user.new_api_token(note="the organiser's page", scopes=scopes, expires_in=LIFETIME)
        self.kept[user.name] = token, time.monotonic() + LIFETIME / 2
        return token
