"""Has Caddy check the settings that it would get for a workshop with a domain: no certificate is asked for here."""

import subprocess
import tempfile

from imagegen.hub.setup import caddyfile

with tempfile.NamedTemporaryFile("w", suffix=".caddyfile") as file:
    file.write(caddyfile({"domain": "jupyter.example.org", "email": "ada@example.org"}))
    file.flush()
    subprocess.run(["caddy", "validate", "--adapter", "caddyfile", "--config", file.name], check=True)
