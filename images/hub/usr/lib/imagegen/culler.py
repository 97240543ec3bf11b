"""Runs the idle culler with the workshop's settings."""
import os
import sys

sys.path.insert(0, "/usr/local/lib/imagegen")

from address import find_interface
from common import settings

config = settings(f"{os.environ['CREDENTIALS_DIRECTORY']}/settings")
minutes = config["notebooks"]["idle_minutes"]
os.execv(
    sys.executable,
    [
        sys.executable,
        "-m",
        "jupyterhub_idle_culler",
        f"--timeout={minutes * 60}",
        f"--cull-every={max(60, minutes * 6)}",
        f"--url=http://{find_interface(config).ip}:8081/hub/api",
    ],
)
