"""The rendezvous of a golden hub: it also remembers for the organiser what each node said last."""

from __future__ import annotations

import json
import time
from typing import Any, ClassVar

from imagegen.console import say
from imagegen.files import write_whole
from imagegen.hub import exchange

LONGEST = 400  # characters of a node's message


class Handler(exchange.Handler):
    """Notes what comes with a request."""

    # The last message of each node by its address and name: two nodes may have one name.
    messages: ClassVar[dict[str, Any]] = {}

    def verdict(self) -> tuple[int, str]:
        """Whoever has the key is believed."""
        status, text = super().verdict()
        if status == exchange.OK:
            say(f"{self.client_address[0]} asked for {self.path}.")
            self.note(self.headers.get("X-Imagegen-Status", ""))
        return status, text

    def note(self, message: str) -> None:
        """A node's name and, after a space, its sentence."""
        name, _, text = message[:LONGEST].partition(" ")
        self.messages[f"{self.client_address[0]} {name}"] = {"text": text, "at": int(time.time())}
        write_whole(f"{self.server.folder}/node-status.json", json.dumps(self.messages))
