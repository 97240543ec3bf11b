"""Runs the idle culler with the workshop's settings."""
import os

from imagegen.hub.address import find_interface
from imagegen.settings import settings
from imagegen.hub import hub_port

config = settings(f"{os.environ['CREDENTIALS_DIRECTORY']}/settings")
address = find_interface(config).ip
hub_port.wait_until_it_listens(str(address))
minutes = config["page"]["notebooks"]["idle_minutes"]
os.execv(
    sys.executable,
    [
        sys.executable,
        "-m",
        "jupyterhub_idle_culler",
        f"--timeout={minutes * 60}",
        f"--cull-every={max(60, minutes * 6)}",
        f"--url=http://{address}:{hub_port.NUMBER}/hub/api",
    ],
)
