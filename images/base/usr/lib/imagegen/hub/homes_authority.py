"""The certificates of NFS over TLS: an authority that the hub has for nothing else, and what it gives to itself and to
nodes. All nodes get one certificate: it says that they have shown the workshop's key, and which of them are enrolled is
for the exports to say."""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import subprocess
import tempfile

from imagegen import homes_tls
from imagegen.files import write_whole

OFFERED = "/run/imagegen-rendezvous/homes.json"  # what the rendezvous hands out; its folder is closed to others
NODE = "imagegen-node"
AUTHORITY_DAYS, DAYS = 3650, 365
# A hub's clock may be ahead of its nodes', or step back once it has heard the time: certificates hold since then.
EARLIER = datetime.timedelta(days=7)
# For openssl-ca(1), which is the only one of its commands in all versions that takes a first day.
SETTINGS = """
[ca]
default_ca = own
[own]
database = {folder}/index
new_certs_dir = {folder}
rand_serial = yes
default_md = sha256
policy = names
[names]
commonName = supplied
[extensions]
{extensions}
"""


def openssl(*words: str) -> None:
    """Runs openssl(1). An OSError has what it said."""
    done = subprocess.run(["openssl", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(f"openssl {words[0]}: {done.stderr.strip()}")


def certify(folder: str, name: str, days: int, extensions: list[str], signer: str | None = None) -> None:
    """Makes a key and a certificate in an empty folder. The authority in the folder `signer` signs it, or itself."""
    key, asked, settings = f"{folder}/{name}.key", f"{folder}/{name}.csr", f"{folder}/settings"
    with open(settings, "w") as file:
        file.write(SETTINGS.format(folder=folder, extensions="\n".join(extensions)))
    open(f"{folder}/index", "w").close()
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    openssl("req", "-new", *curve, "-keyout", key, "-out", asked, "-subj", f"/CN={name}")
    own = ["-selfsign", "-keyfile", key]
    signing = ["-cert", f"{signer}/authority.crt", "-keyfile", f"{signer}/authority.key"] if signer else own
    begin = datetime.datetime.now(datetime.UTC) - EARLIER
    times = [f"{moment:%Y%m%d%H%M%SZ}" for moment in (begin, begin + datetime.timedelta(days=days))]
    held = ["-startdate", times[0], "-enddate", times[1]]
    common = ["-batch", "-notext", "-config", settings, "-extensions", "extensions"]
    openssl("ca", *common, *signing, *held, "-in", asked, "-out", f"{folder}/{name}.crt")


def authority(state: str) -> str:
    """The folder of the authority, which is made once."""
    folder = f"{state}/authority"
    if not os.path.isdir(folder):
        with tempfile.TemporaryDirectory(dir=state) as work:
            made = f"{work}/authority"
            os.mkdir(made, 0o700)
            rights = ["basicConstraints = critical,CA:TRUE", "keyUsage = critical,keyCertSign"]
            certify(made, "authority", AUTHORITY_DAYS, [*rights, "subjectKeyIdentifier = hash"])
            os.rename(made, folder)
    return folder


def read(path: str) -> str:
    """The text of a file."""
    with open(path) as file:
        return file.read()


def leaf(folder: str, name: str, purpose: str) -> dict[str, str]:
    """A certificate and a key under the authority, for one side of a connection."""
    rights = ["basicConstraints = critical,CA:FALSE", f"subjectAltName = DNS:{name}", f"extendedKeyUsage = {purpose}"]
    with tempfile.TemporaryDirectory() as work:
        certify(work, name, DAYS, rights, folder)
        certificate, key = read(f"{work}/{name}.crt"), read(f"{work}/{name}.key")
    return {"authority": read(f"{folder}/authority.crt"), "certificate": certificate, "key": key}


def prepare(state: str = homes_tls.FOLDER) -> str:
    """Installs the hub's certificate, and gives the one for nodes. Both are issued at each start, so that neither
    expires during a workshop."""
    with contextlib.suppress(FileNotFoundError):
        os.remove(OFFERED)
    folder = authority(state)
    homes_tls.install(leaf(folder, homes_tls.HUB, "serverAuth"))
    return json.dumps(leaf(folder, NODE, "clientAuth"))


def offer(text: str) -> None:
    """Has the rendezvous hand it out, once it runs."""
    if not os.path.exists(OFFERED) and os.path.isdir(os.path.dirname(OFFERED)):
        write_whole(OFFERED, text)
