"""Has Caddy check the settings that it would get for a workshop with a domain: no certificate is asked for here."""

import subprocess
import tempfile
from typing import TYPE_CHECKING

from imagegen.hub.web import Certificate, caddyfile

if TYPE_CHECKING:
    from imagegen.schema import Web

web: "Web" = {"domain": "jupyter.example.org", "email": "ada@example.org"}
with tempfile.NamedTemporaryFile("w", suffix=".caddyfile") as file:
    file.write(caddyfile(web, "127.0.0.1:8081", Certificate.ACME))
    file.flush()
    subprocess.run(["caddy", "validate", "--adapter", "caddyfile", "--config", file.name], check=True)
