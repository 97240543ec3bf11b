"""The settings of the web server (Caddy) that stands before JupyterHub and before the students' servers.

Requests for anything but a student's server go to JupyterHub itself, and never through the proxy that knows those
servers: however a path is written, nothing leads to them but the gate (imagegen.jupyter.gate)."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from imagegen.schema import Web

PROXY = "127.0.0.1:8000"
CREDENTIALS = "\ttls {$CREDENTIALS_DIRECTORY}/certificate {$CREDENTIALS_DIRECTORY}/key\n"
STRICT = "\theader Strict-Transport-Security max-age=31536000\n"


class Certificate(Enum):
    """Where the page's certificate comes from. The value is what Caddy is told of it."""

    FILE = "\tauto_https disable_redirects\n"  # the workshop's own, or one that the organiser has
    ACME = ""
    # There is none from outside yet: the workshop's own is shown, while Caddy goes on asking.
    MEANWHILE = "\tauto_https ignore_loaded_certs\n"


# The limits are for a connection that has not said yet what it wants. Uploads and kernels take as long as they like.
GLOBAL = """{
	admin off
%s	servers {
		max_header_size 32KB
		timeouts {
			read_header 10s
			idle 5m
		}
	}
}
"""
# JupyterHub takes a client's address and scheme from these before all else, and a client could send them.
CLAIMS = """	request_header -X-Real-Ip
	request_header -X-Scheme
	request_header -Forwarded
"""
# A hub that starts again is waited for. Nothing that it reads is large.
HUB = """	route {
%s		@large header_regexp Content-Length ^0*[1-9][0-9]{6}
		respond @large "This is more than the hub takes." 413
		request_body {
			max_size 1MB
		}
		reverse_proxy %s {
			lb_try_duration 10s
		}
	}
"""
# A student's program cannot speak for more than its own folder: neither for the whole host nor for another path. Caddy
# takes an empty replacement for none, and so the replacements are groups that match nothing.
SERVER = """	route @server {
		header {
			-Accept-CH
			-Activate-Storage-Access
			-Alt-Svc
			-Clear-Site-Data
			-Critical-CH
			-Expect-CT
			-NEL
			-Origin-Trial
			-Public-Key-Pins
			-Report-To
			-Reporting-Endpoints
			-Sec-Session-Registration
			-Secure-Session-Registration
			-Service-Worker-Allowed
			-Set-Login
			-Strict-Transport-Security
			-Use-As-Dictionary
			Set-Cookie $ "; Path=/user/{re.server.1}/"
			defer
		}
		header {
			Set-Cookie "(?i);\\s*(?:path|domain)\\b[^;]*()" $1
			defer
		}
%s		reverse_proxy %s
	}
"""
GATE = """		forward_auth %s {
			uri /hub/gate
			lb_try_duration 10s
			header_up -Connection
			header_up -Upgrade
		}
		request_header Cookie "__Host-gate-[^;]*(?:;\\s*|$)()" $1
"""
FOLDER = "path_regexp server ^/user/([^/]+)"
REDIRECT = "http:// {\n\tredir https://{host}{uri} permanent\n}\n"


def certificate_of(web: Web) -> Certificate:
    """What the workshop wants. No authority gives one for all students' names without the domain's own name server."""
    automatic = web["domain"] and not web.get("subdomains") and not web.get("certificate")
    return Certificate.ACME if automatic else Certificate.FILE


def caddyfile(web: Web, hub: str, certificate: Certificate) -> str:
    """All of it; `hub` is where JupyterHub listens."""
    options: str = certificate.value
    if certificate is Certificate.FILE:
        strict = STRICT if web.get("certificate") else ""
        return GLOBAL % options + f"https:// {{\n{CREDENTIALS}{site(web, hub, strict)}}}\n{REDIRECT}"
    if web["email"]:
        options += f"\temail {web['email']}\n"
    own = CREDENTIALS if certificate is Certificate.MEANWHILE else ""
    strict = STRICT if certificate is Certificate.ACME else ""
    return GLOBAL % options + f"{web['domain']} {{\n{own}{site(web, hub, strict)}}}\n"


def site(web: Web, hub: str, strict: str) -> str:
    """What is at the page's name, and at the students' names if they have any."""
    if not web.get("subdomains"):
        return CLAIMS + f"\t@server {FOLDER}\n" + SERVER % (GATE % hub, PROXY) + HUB % (strict, hub)
    domain = web["domain"]
    matchers = f"\t@server {{\n\t\thost *.{domain}\n\t\t{FOLDER}\n\t}}\n\t@elsewhere not host {domain}\n"
    elsewhere = f"\tredir @elsewhere https://{domain}{{uri}}\n"
    return CLAIMS + matchers + SERVER % ("", PROXY) + "\troute {\n" + elsewhere + HUB % (strict, hub) + "\t}\n"
