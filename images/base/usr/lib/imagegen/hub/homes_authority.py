"""The certificates of NFS over TLS: an authority that the hub has for nothing else, and what it gives to itself and to
nodes. All nodes get one certificate: it says that they have shown the workshop's key, and which of them are enrolled is
for the exports to say."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile

from imagegen import homes_tls
from imagegen.files import write_whole

STATE = "/var/lib/imagegen/homes-tls"
OFFERED = "/run/imagegen-rendezvous/homes.json"  # what the rendezvous hands out; its folder is closed to others
NODE = "imagegen-node"
AUTHORITY_DAYS, DAYS = 3650, 365
KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]


def request(folder: str, name: str, days: int, *words: str) -> None:
    """Has openssl(1) make a key and a certificate with these extensions."""
    files = ["-keyout", f"{folder}/{name}.key", "-out", f"{folder}/{name}.crt"]
    command = ["openssl", "req", "-x509", *KEY, *files, "-subj", f"/CN={name}", "-days", str(days), *words]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)


def extensions(*texts: str) -> list[str]:
    """For openssl(1)."""
    return [word for text in texts for word in ("-addext", text)]


def authority(state: str) -> str:
    """The folder of the authority, which is made once."""
    folder = f"{state}/authority"
    if not os.path.isdir(folder):
        with tempfile.TemporaryDirectory(dir=state) as work:
            made = f"{work}/authority"
            os.mkdir(made, 0o700)
            rights = extensions("basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign")
            request(made, "authority", AUTHORITY_DAYS, *rights)
            os.rename(made, folder)
    return folder


def read(path: str) -> str:
    """The text of a file."""
    with open(path) as file:
        return file.read()


def leaf(folder: str, name: str, purpose: str) -> dict[str, str]:
    """A certificate and a key under the authority, for one side of a connection."""
    signer = ["-CA", f"{folder}/authority.crt", "-CAkey", f"{folder}/authority.key"]
    names = [f"subjectAltName=DNS:{name}", f"extendedKeyUsage={purpose}"]
    rights = extensions("basicConstraints=critical,CA:FALSE", *names)
    with tempfile.TemporaryDirectory(dir=folder) as work:
        request(work, name, DAYS, *signer, *rights)
        certificate, key = read(f"{work}/{name}.crt"), read(f"{work}/{name}.key")
    return {"authority": read(f"{folder}/authority.crt"), "certificate": certificate, "key": key}


def prepare(state: str = STATE) -> str:
    """Gives the hub its certificate, and what nodes are to get. Both are made anew at each start, so that neither ends
    while a workshop runs."""
    folder = authority(state)
    homes_tls.install(leaf(folder, homes_tls.HUB, "serverAuth"))
    return json.dumps(leaf(folder, NODE, "clientAuth"))


def offer(text: str) -> None:
    """Has the rendezvous hand it out, once it runs."""
    if not os.path.exists(OFFERED) and os.path.isdir(os.path.dirname(OFFERED)):
        write_whole(OFFERED, text)
