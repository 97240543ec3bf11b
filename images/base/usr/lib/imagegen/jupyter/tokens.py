"""What the organiser's page shows a student's server to be let in. A server is its student's own program, and reads what it is
shown: each gets a token that opens this one server, and nothing else."""
import time

LIFE = 3600  # seconds


class Tokens:
    def __init__(self):
        self.kept = {}  # by name: token, and the monotonic time at which another one is made

    def of(self, user):
        token, until = self.kept.get(user.name, ("", 0))
        if time.monotonic() < until:
            return token
        scopes = [f"access:servers!user={user.name}"]
        token = user.new_api_token(note="the organiser's page", scopes=scopes, expires_in=LIFE)
        self.kept[user.name] = token, time.monotonic() + LIFE / 2
        return token
