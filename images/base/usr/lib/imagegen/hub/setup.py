"""What the hub's services need beside their programs: secrets, made at the first boot, and web server settings."""

from __future__ import annotations

import json
import os
import pwd
import secrets
from typing import TYPE_CHECKING

from imagegen.console import announce
from imagegen.files import write_whole
from imagegen.hub import hub_port, web
from imagegen.hub.address import find_interface
from imagegen.settings import settings

if TYPE_CHECKING:
    from imagegen.schema import Settings

STATE = "/var/lib/jupyterhub"
# Made at the first boot, a file of its own for each service that shows one; JupyterHub, which checks them, reads all.
TOKENS = "/var/lib/imagegen/tokens"
TOKEN_NAMES = {
    "proxy": "CONFIGPROXY_AUTH_TOKEN",
    "culler": "JUPYTERHUB_API_TOKEN",
    "metrics": "IMAGEGEN_METRICS_TOKEN",
}
# Systemd passes it on to JupyterHub, the broker and the culler.
SETTINGS = "/run/imagegen/jupyterhub.json"
CADDYFILE = "/run/imagegen-web/Caddyfile"
PROXY = "/run/imagegen-web/proxy.env"


def make_tokens(folder: str = TOKENS) -> None:
    """Makes those that are missing."""
    os.makedirs(folder, mode=0o700, exist_ok=True)
    missing = {name: f"{folder}/{name}.env" for name in TOKEN_NAMES if not os.path.exists(f"{folder}/{name}.env")}
    for name, path in missing.items():
        write_whole(path, f"{TOKEN_NAMES[name]}={secrets.token_hex(32)}\n", 0o600)
    if missing:
        announce("The hub has secrets of its own.")


def without_secrets(config: Settings) -> dict[str, object]:
    """The settings as JupyterHub may know them: neither the key that nodes join with, nor addresses of materials, which
    may have a password in them."""
    page = {name: value for name, value in config["page"].items() if name != "materials"}
    return {**{name: value for name, value in config.items() if name != "join_key"}, "page": page}


def main() -> None:
    """Makes what is missing, and writes the web server's settings as the workshop says now."""
    config = settings()
    user = pwd.getpwnam("jupyterhub")
    os.makedirs(STATE, mode=0o700, exist_ok=True)
    os.chown(STATE, user.pw_uid, user.pw_gid)
    make_tokens()
    write_whole(SETTINGS, json.dumps(without_secrets(config)), 0o600)
    write_web(web.certificate_of(config["page"]["web"]))


def write_web(certificate: web.Certificate) -> None:
    """Writes what the web server and the proxy read when they start."""
    config = settings()
    page = config["page"]["web"]
    hub = f"{find_interface(config).ip}:{hub_port.NUMBER}"
    os.makedirs(os.path.dirname(CADDYFILE), exist_ok=True)
    write_whole(CADDYFILE, web.caddyfile(page, hub, certificate))
    # With a host name for each student, the proxy looks at names too.
    write_whole(PROXY, "PROXY_OPTIONS=--host-routing\n" if page.get("subdomains") else "")


if __name__ == "__main__":
    main()
