"""Clones git repositories whole: with their submodules, and with the files that Git LFS keeps elsewhere."""

from __future__ import annotations

import os
import re
import shutil
import subprocess

from imagegen.hub.source import Source

TIMEOUT = 1800  # seconds
SHALLOW = ["--depth", "1", "--shallow-submodules"]
# What git says where a server has only whole histories: a plain web server, or one that hands out no single commits.
NOT_SHALLOW = re.compile("shallow|unadvertised object|not our ref|did not contain")
SUBMODULE = re.compile("clone of '(.+)' into submodule path '(.+)' failed")
LFS = re.compile("^fatal: (.+): smudge filter lfs failed$", re.MULTILINE)


def clone(source: Source, ref: str | None, folder: str) -> None:
    """Into a folder, which is empty. An OSError says what is missing, and why."""
    said = _clone(source, ref, folder, SHALLOW)
    if said is not None and NOT_SHALLOW.search(said):
        shutil.rmtree(folder)
        os.makedirs(folder)
        said = _clone(source, ref, folder, [])
    if said is not None:
        shutil.rmtree(folder)
        os.makedirs(folder)
        raise OSError(explain(said, folder))


def _clone(source: Source, ref: str | None, folder: str, depth: list[str]) -> str | None:
    """What git said where it failed."""
    branch = ["--branch", ref] if ref else []
    command = ["git", "-c", "advice.detachedHead=false", "clone", "--quiet", "--recurse-submodules", *depth, *branch]
    environment = {**os.environ, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C", **source.environment()}
    done = subprocess.run(
        [*command, "--", source.url, folder],
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        timeout=TIMEOUT,
        env=environment,
        check=False,
    )
    return done.stderr.strip() if done.returncode else None


def explain(said: str, folder: str) -> str:
    """One sentence out of git's many."""
    first = next(
        (line for line in said.splitlines() if line.startswith(("fatal: ", "error: "))), said.partition("\n")[0]
    )
    if submodule := SUBMODULE.search(said):
        url, path = submodule[1], submodule[2].removeprefix(f"{folder}/")
        if not url.startswith(("http://", "https://", "file://", "git://")):
            why = "for which the hub has no SSH key: name it by https:// in .gitmodules"
            return f"its submodule {path} is at {url}, {why}"
        return f"its submodule {path} at {url} cannot be fetched: {first}"
    if file := LFS.search(said):
        lines = [line for line in said.splitlines() if "rror" in line]
        return f"its file {file[1]} is kept by Git LFS and cannot be fetched: {lines[0] if lines else first}"
    return first
