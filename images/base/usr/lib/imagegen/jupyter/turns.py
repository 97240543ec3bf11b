"""Who may start a server now. A class that presses the button at once is let in one after the other: the first servers are
there soon, and no machine is so busy that the swarm takes it for dead, which ends all that it runs."""
from contextlib import contextmanager


class Turns:
    def __init__(self):
        # Who waits and who starts, in the order in which they came.
        self.line = []
        # How many may start at once.
        self.room = 1

    @contextmanager
    def standing(self, who):
        """Stands at the end of the line, and leaves it when the server is there or will not be."""
        self.line.append(who)
        try:
            yield
        finally:
            self.line.remove(who)

    def ahead(self, who):
        """How many have to be done before it is the turn of `who`; 0 if it is."""
        return max(0, self.line.index(who) + 1 - self.room)
