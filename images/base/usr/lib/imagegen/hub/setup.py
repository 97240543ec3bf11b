"""What the hub's services need beside their programs: secrets, made at the first boot, and web server settings."""

from __future__ import annotations

import os
import pwd
import secrets
from typing import TYPE_CHECKING

from imagegen.console import announce
from imagegen.files import write_whole
from imagegen.settings import settings

if TYPE_CHECKING:
    from imagegen.schema import Web

STATE = "/var/lib/jupyterhub"
ENVIRONMENT = "/var/lib/imagegen/hub.env"
CADDYFILE = "/run/imagegen-web/Caddyfile"
TOKENS = ("CONFIGPROXY_AUTH_TOKEN", "JUPYTERHUB_API_TOKEN", "IMAGEGEN_METRICS_TOKEN")

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


def main() -> None:
    """Makes what is missing, and writes the web server's settings as the workshop says now."""
    user = pwd.getpwnam("jupyterhub")
    os.makedirs(STATE, mode=0o700, exist_ok=True)
    os.chown(STATE, user.pw_uid, user.pw_gid)
    os.makedirs(os.path.dirname(ENVIRONMENT), exist_ok=True)
    if not os.path.exists(ENVIRONMENT):
        write_whole(ENVIRONMENT, "".join(f"{name}={secrets.token_hex(32)}\n" for name in TOKENS), 0o600)
        announce("The hub has secrets of its own.")
    os.makedirs(os.path.dirname(CADDYFILE), exist_ok=True)
    write_whole(CADDYFILE, caddyfile(settings()["page"]["web"]))


if __name__ == "__main__":
    main()
