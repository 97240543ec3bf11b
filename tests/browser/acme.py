#!/usr/bin/env python3
"""Whether the page's certificate comes, is renewed, and is done without: the hub's Caddy before an ACME server, which
is another Caddy. `.ci/origin` runs it, in a network of its own.

Usage: acme.py CADDY PROXY FOLDER      as for origin.py
"""

import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import time

import origin
import page

from imagegen.hub import announce_ready, hub_port, setup
from imagegen.hub.web import Certificate

AUTHORITY = """{
	admin off
	skip_install_trust
	auto_https disable_redirects
}
https://ca.example.org:8443 {
	tls internal
	acme_server
}
"""
OWN = "CN = workshop"  # the workshop's own certificate
GIVEN = "CN = Caddy Local Authority"


class Page(origin.Stack):
    """A hub whose Caddy asks our authority."""

    def __init__(self, caddy, proxy, folder):
        super().__init__(caddy, proxy, folder, {"domain": origin.DOMAIN}, self.ask_our_authority)

    def ask_our_authority(self, text):
        root = f"{self.folder}/authority/caddy/pki/authorities/local/root.crt"
        ours = f"\tacme_ca https://ca.example.org:8443/acme/local/directory\n\tacme_ca_root {root}\n"
        return text.replace("{\n", "{\n" + ours, 1)

    def start_all(self):
        with open(f"{self.folder}/Caddyfile", "w") as file:
            file.write(AUTHORITY)
        self.start_authority()
        root = f"{self.folder}/authority/caddy/pki/authorities/local/root.crt"
        page.wait_for("the authority", lambda: os.path.exists(root), 60)
        self.start_hub()
        self.start_caddy()

    def start_authority(self):
        command = [self.caddy, "run", "--config", f"{self.folder}/Caddyfile", "--adapter", "caddyfile"]
        self.authority = self.start("authority", command, XDG_DATA_HOME=f"{self.folder}/authority")

    def show(self, certificate):
        """What systemd does on a hub."""
        self.write_web(certificate)
        self.restart_caddy()

    def renew_often(self):
        """Has Caddy renew what is not brand-new. Only its own language can say that."""
        adapt = [self.caddy, "adapt", "--config", setup.CADDYFILE, "--adapter", "caddyfile"]
        environment = {**os.environ, "CREDENTIALS_DIRECTORY": "/etc/imagegen"}
        config = json.loads(subprocess.run(adapt, env=environment, check=True, capture_output=True).stdout)
        automation = config["apps"]["tls"]["automation"]
        automation["renew_interval"] = "2s"
        for policy in automation["policies"]:
            policy["renewal_window_ratio"] = 0.9999
        with open(f"{self.folder}/often.json", "w") as file:
            json.dump(config, file)
        self.restart_caddy(["--config", f"{self.folder}/often.json"])

    def start_over(self):
        """As after the first boot."""
        self.stop(self.web_server)
        shutil.rmtree(f"{self.folder}/web", ignore_errors=True)
        self.start_caddy()


def shown(what, address="127.0.0.1"):
    """What openssl says of the certificate that the page shows; nothing where it shows none."""
    try:
        pem = get_certificate(address)
    except OSError:
        return ""
    command = ["openssl", "x509", "-noout", what]
    return subprocess.run(command, input=pem, check=True, capture_output=True, text=True).stdout


def get_certificate(address):
    context = ssl._create_unverified_context()
    with socket.create_connection((address, 443), 20) as line:
        with context.wrap_socket(line, server_hostname=origin.DOMAIN) as sock:
            return ssl.DER_cert_to_PEM_cert(sock.getpeercert(binary_form=True))


def close(port):
    """Closes a port of the page's address to all but the hub itself."""
    rule = f"ip daddr {origin.ADDRESS} tcp dport {port} reject"
    table = f"table inet test {{\nchain in {{\ntype filter hook input priority 0\n{rule}\n}}\n}}\n"
    subprocess.run(["nft", "-f", "-"], input=table, check=True, text=True)


def open_again():
    """Opens the port, so that any way leads to the page."""
    subprocess.run(["nft", "delete", "table", "inet", "test"], check=True)


def comes_by_one_port(stack):
    """Caddy chooses at random whether it is asked at port 80 or 443. This authority never says that a port is closed,
    as Let's Encrypt does, and so Caddy is started until it has chosen the other."""

    def look():
        if GIVEN in shown("-issuer"):
            return True
        stack.start_over()
        time.sleep(10)
        return False

    page.wait_for("a certificate", look, 120)
    print("  a certificate, although port 80 is closed", flush=True)


def is_renewed(stack):
    stack.renew_often()
    first = page.wait_for("the page", lambda: shown("-serial"), 60)
    page.wait_for("another certificate", lambda: shown("-serial") not in ("", first), 60)
    print("  another one in its place", flush=True)


def is_done_without(stack):
    """The authority cannot be reached, and later it can."""
    said = []
    announce_ready.announce, announce_ready.show, announce_ready.PATIENCE = said.append, stack.show, 5
    announce_ready.GIVEN = f"{stack.folder}/web/caddy/certificates/*/{{0}}/{{0}}.crt"
    stack.stop(stack.authority)
    stack.start_over()
    hub_port.wait_until_it_listens(origin.ADDRESS)
    found = announce_ready.wait_until_open(origin.DOMAIN, Certificate.ACME)
    origin.expect("without one", found, Certificate.MEANWHILE)
    origin.expect("the workshop's own", OWN in shown("-subject"), True)
    stack.start_authority()
    announce_ready.wait_for_certificate(origin.DOMAIN)
    page.wait_for("the certificate", lambda: GIVEN in shown("-issuer"), 60)
    for sentence in said:
        print(f"  {sentence}", flush=True)


def main(*tools):
    print("acme:", flush=True)
    close(80)
    with Page(*tools) as stack:
        comes_by_one_port(stack)
        open_again()
        is_renewed(stack)
        is_done_without(stack)


if __name__ == "__main__":
    main(*sys.argv[1:])
