"""Has Caddy check the settings that it would get for a workshop with a domain: no certificate is asked for here."""
import subprocess
import sys
import tempfile

sys.path[:0] = ["/usr/lib/imagegen", "/usr/local/lib/imagegen"]

import state

with tempfile.NamedTemporaryFile("w", suffix=".caddyfile") as file:
    file.write(state.caddyfile({"domain": "jupyter.example.org", "email": "ada@example.org"}))
    file.flush()
    subprocess.run(["caddy", "validate", "--adapter", "caddyfile", "--config", file.name], check=True)
