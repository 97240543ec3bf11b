"""What the hub's services need beside their programs: secrets, made at the first boot, and web server settings."""

from __future__ import annotations

import os
import pwd
import secrets

from imagegen.console import announce
from imagegen.files import write_whole
from imagegen.hub import hub_port, web
from imagegen.hub.address import find_interface
from imagegen.settings import settings

STATE = "/var/lib/jupyterhub"
ENVIRONMENT = "/var/lib/imagegen/hub.env"
CADDYFILE = "/run/imagegen-web/Caddyfile"
PROXY = "/run/imagegen-web/proxy.env"
TOKENS = ("CONFIGPROXY_AUTH_TOKEN", "JUPYTERHUB_API_TOKEN", "IMAGEGEN_METRICS_TOKEN")


def main() -> None:
    """Makes what is missing, and writes the web server's settings as the workshop says now."""
    user = pwd.getpwnam("jupyterhub")
    os.makedirs(STATE, mode=0o700, exist_ok=True)
    os.chown(STATE, user.pw_uid, user.pw_gid)
    os.makedirs(os.path.dirname(ENVIRONMENT), exist_ok=True)
    if not os.path.exists(ENVIRONMENT):
        write_whole(ENVIRONMENT, "".join(f"{name}={secrets.token_hex(32)}\n" for name in TOKENS), 0o600)
        announce("The hub has secrets of its own.")
    write_web(web.certificate_of(settings()["page"]["web"]))


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
