"""What the hub's services need beside their programs: secrets, made at the first boot, and web server settings."""

from __future__ import annotations

import json
import os
import pwd
import secrets
from typing import TYPE_CHECKING

from imagegen.console import announce
from imagegen.files import write_whole
from imagegen.settings import settings

if TYPE_CHECKING:
    from imagegen.schema import Settings, Web

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

GLOBAL = "{\n\tadmin off\n%s}\n"
# JupyterHub takes the address that it writes down from X-Real-Ip before all else, and a client could send that.
PROXY = "\treverse_proxy 127.0.0.1:8000 {\n\t\theader_up -X-Real-Ip\n\t}\n"
STRICT = "\theader Strict-Transport-Security max-age=31536000\n"
OWN = """https:// {
\ttls {$CREDENTIALS_DIRECTORY}/certificate {$CREDENTIALS_DIRECTORY}/key
%s}
http:// {
\tredir https://{host}{uri} permanent
}
"""


def caddyfile(web: Web) -> str:
    """For a domain, certificates of Let's Encrypt, which Caddy gets and renews; otherwise the workshop's own."""
    if not web["domain"]:
        return GLOBAL % "\tauto_https disable_redirects\n" + OWN % PROXY
    mail = f"\temail {web['email']}\n" if web["email"] else ""
    return GLOBAL % mail + f"{web['domain']} {{\n{STRICT}{PROXY}}}\n"


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
    os.makedirs(os.path.dirname(CADDYFILE), exist_ok=True)
    write_whole(CADDYFILE, caddyfile(config["page"]["web"]))


if __name__ == "__main__":
    main()
