#!/usr/bin/env python3
"""Packs a compiled imagegen as a Python wheel, so that `pipx run imagegen` and `uvx imagegen` run it.

Usage: .ci/wheel.py PROGRAM LICENCES_FOLDER RESULT.whl     SOURCE_DATE_EPOCH is the time of all its files.

maturin would want to compile the program once more, and looks for licences at the top level only; a wheel without
Python in it is a few files (packaging.python.org, "Binary distribution format").
"""

import base64
import hashlib
import os
import subprocess
import sys
import time
import zipfile
from pathlib import Path

SUMMARY = "Golden images and cloud-init user-data for JupyterHub workshops on OpenStack"


def metadata(version: str, licences: list[Path]) -> str:
    fields = [
        ("Metadata-Version", "2.4"),
        ("Name", "imagegen"),
        ("Version", version),
        ("Summary", SUMMARY),
        ("License-Expression", "MIT OR Apache-2.0"),
        *(("License-File", licence.name) for licence in licences),
        ("Classifier", "Environment :: Console"),
        ("Classifier", "Operating System :: POSIX :: Linux"),
        ("Classifier", "Topic :: System :: Systems Administration"),
    ]
    return "".join(f"{name}: {value}\n" for name, value in fields)


def tags(wheel: Path) -> str:
    """What the wheel's own name says of where it runs."""
    tag = "-".join(wheel.stem.split("-")[2:])
    return f"Wheel-Version: 1.0\nGenerator: imagegen\nRoot-Is-Purelib: false\nTag: {tag}\n"


def record_line(name: str, content: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    return f"{name},sha256={digest},{len(content)}\n"


def write(result: Path, files: dict[str, bytes], moment: int) -> None:
    """All files in the order given, with nothing of this machine in them."""
    with zipfile.ZipFile(result, "w") as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, time.gmtime(moment)[:6])
            entry.create_system = 3  # Unix
            entry.external_attr = (0o100755 if "/scripts/" in name else 0o100644) << 16
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED, 9)


def main() -> None:
    program, folder, result = map(Path, sys.argv[1:])
    said = subprocess.run([program.resolve(), "version"], check=True, capture_output=True, text=True).stdout
    version = said.split()[1]
    licences = sorted(folder.iterdir())
    name = f"imagegen-{version}"
    info = f"{name}.dist-info"
    files = {
        f"{name}.data/scripts/imagegen": program.read_bytes(),
        **{f"{info}/licenses/{licence.name}": licence.read_bytes() for licence in licences},
        f"{info}/METADATA": metadata(version, licences).encode(),
        f"{info}/WHEEL": tags(result).encode(),
    }
    lines = [record_line(name, content) for name, content in files.items()]
    files[f"{info}/RECORD"] = "".join([*lines, f"{info}/RECORD,,\n"]).encode()
    write(result, files, int(os.environ["SOURCE_DATE_EPOCH"]))


main()
