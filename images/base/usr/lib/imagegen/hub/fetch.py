"""Fetches one material, without rights."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tarfile
import urllib.request
import zipfile
from typing import TYPE_CHECKING

from imagegen.hub import repository
from imagegen.hub.source import Source

if TYPE_CHECKING:
    from imagegen.schema import Material

NO_DEVICE = "Cannot mknod: Operation not permitted"
END = "Exiting with failure status due to previous errors"


def fetch(material: Material, folder: str) -> None:
    """Into the folder, which is empty. An OSError or a ValueError says why not, and no secret."""
    source = Source.of(material["url"])
    try:
        if material["kind"] == "git":
            repository.clone(source, material["ref"], folder)
        else:
            archive = f"{folder}.archive"
            download(source, archive)
            check(archive, material["sha256"])
            unpack(archive, folder)
    except Exception as error:
        raise OSError(source.hidden(str(error))) from None


def download(source: Source, archive: str) -> None:
    """Where the server sends it on, the secret stays behind."""
    request = urllib.request.Request(source.url)
    for name, value in source.headers().items():
        request.add_unredirected_header(name, value)
    with urllib.request.urlopen(request, timeout=60) as answer, open(archive, "wb") as file:
        shutil.copyfileobj(answer, file)


def check(archive: str, sha256: str | None) -> None:
    """Raises a ValueError for another archive than the organiser has named."""
    with open(archive, "rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if sha256 and found != sha256:
        raise ValueError(f"its SHA-256 is {found}")


def unpack(archive: str, folder: str) -> None:
    """An address may end otherwise than the file; a tar may hold a ZIP file at its end, which is taken for its own."""
    if zipfile.is_zipfile(archive) and not tarfile.is_tarfile(archive):
        shutil.unpack_archive(archive, folder, "zip")
        return
    # Root's tar is not run, and would make devices.
    command = ["tar", "--no-same-owner", "--no-same-permissions", "-xf", archive, "-C", folder]
    environment = {**os.environ, "LC_ALL": "C"}
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True, errors="replace", check=False, env=environment)
    told = [line for line in done.stderr.splitlines() if not line.endswith((NO_DEVICE, END))]
    if done.returncode and (told or NO_DEVICE not in done.stderr):
        raise OSError(told[0] if told else f"tar ended with code {done.returncode}")
