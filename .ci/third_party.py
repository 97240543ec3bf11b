#!/usr/bin/env python3
"""Prints the licences of all libraries that are compiled into the program, which their terms ask for.

Usage, where Cargo.toml is: .ci/third_party.py TARGET
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

LICENCE_NAMES = ("licen", "copying", "copyright", "notice", "unlicense")


def linked(metadata: dict[str, Any]) -> Iterator[str]:
    """The ids of the packages in the program: not what only tests or the compilation use."""
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    seen: set[str] = set()
    waiting = [metadata["resolve"]["root"]]
    while waiting:
        for dependency in nodes[waiting.pop()]["deps"]:
            normal = any(kind["kind"] is None for kind in dependency["dep_kinds"])
            if normal and dependency["pkg"] not in seen:
                seen.add(dependency["pkg"])
                waiting.append(dependency["pkg"])
    yield from seen


def texts(package: dict[str, Any]) -> Iterator[str]:
    files = sorted(Path(package["manifest_path"]).parent.iterdir())
    for file in files:
        if file.is_file() and file.name.lower().startswith(LICENCE_NAMES):
            yield file.read_text(encoding="utf-8", errors="replace").strip()


def main() -> None:
    command = ["cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", sys.argv[1]]
    metadata = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    packages = {package["id"]: package for package in metadata["packages"]}
    # Many packages have one text in common.
    users: dict[str, list[str]] = {}
    names = sorted(linked(metadata), key=lambda name: (packages[name]["name"], packages[name]["version"]))
    for package in [packages[name] for name in names]:
        title = f"{package['name']} {package['version']} ({package['license'] or 'see below'})"
        for text in list(texts(package)) or ["Its package has no text of its licence."]:
            users.setdefault(text, []).append(title)
    for text, titles in users.items():
        print("-" * 78, *titles, "", text, "", sep="\n")


main()
