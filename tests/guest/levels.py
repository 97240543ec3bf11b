"""Whether the programs of the images accept a user-data, without running it.
Usage: levels.py USER_DATA...     A level that the images do not have yet is not accepted either."""

import ast
import importlib
import os
import sys
import tempfile
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import project
import unpack
from imagegen import docker_options, firewall, schema, settings, start, users
from imagegen.inbound import ports
from imagegen.paste.verdict import Taken, judge

DEBIAN = {"nfs-server.service", "autofs.service"}
UNITS = "etc/systemd/system"


def misfits(value: object, kind: Any, place: str = "settings") -> Iterator[str]:
    """Sentences on what in a JSON value is not as its type says."""
    origin, parts = typing.get_origin(kind), typing.get_args(kind)
    if typing.is_typeddict(kind):
        yield from misfits_of_dict(value, kind, place)
    elif origin is typing.Literal:
        if value not in parts:
            yield f"{place} is {value!r}"
    elif origin in (typing.Union, types.UnionType):
        if all(any(misfits(value, part)) for part in parts):
            yield f"{place} is {value!r}"
    elif origin in (list, tuple):
        if not isinstance(value, list) or (origin is tuple and len(value) != len(parts)):
            yield f"{place} is {value!r}"
        else:
            kinds = parts if origin is tuple else parts * len(value)
            for number, (each, part) in enumerate(zip(value, kinds)):
                yield from misfits(each, part, f"{place}[{number}]")
    elif origin is dict:
        for key, each in value.items() if isinstance(value, dict) else [("", value)]:
            yield from misfits(each, parts[1], f"{place}.{key}")
    elif type(value) is not kind and not (kind is float and type(value) is int):
        yield f"{place} is {value!r}"


def misfits_of_dict(value: object, kind: Any, place: str) -> Iterator[str]:
    """The same for a TypedDict: every key is known, and those that must be there are."""
    if not isinstance(value, dict):
        yield f"{place} is {value!r}"
        return
    hints = typing.get_type_hints(kind)
    yield from (f"{place}.{key} is not in the schema" for key in value.keys() - hints.keys())
    yield from (f"{place}.{key} is missing" for key in kind.__required_keys__ - value.keys())
    for key in value.keys() & hints.keys():
        yield from misfits(value[key], hints[key], f"{place}.{key}")


def missing_imports(text: str) -> Iterator[str]:
    """What a program imports from the package that the package does not have."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                importlib.import_module(alias.name)
        elif isinstance(node, ast.ImportFrom) and node.module:
            module = importlib.import_module(node.module)
            for alias in node.names:
                if not hasattr(module, alias.name) and not is_module(f"{node.module}.{alias.name}"):
                    yield f"{node.module} has no {alias.name}"


def is_module(name: str) -> bool:
    """Whether there is a module of that name."""
    try:
        importlib.import_module(name)
        return True
    except ModuleNotFoundError:
        return False


def missing_units(config: schema.Settings, root: str) -> Iterator[str]:
    """Units that the machine would start, and that neither image nor user-data has."""
    folders = [root, *(f"{project.PROJECT}/images/{image}" for image in ("base", config["role"]))]
    for unit in set(start.units(config)) - DEBIAN:
        if not any(os.path.exists(f"{folder}/{UNITS}/{unit}") for folder in folders):
            yield f"there is no {unit}"


def faults(path: str) -> Iterator[str]:
    """Sentences on everything in a user-data for a golden image that the programs do not accept."""
    with tempfile.TemporaryDirectory() as root:
        unpack.main(path, root)
        if (verdict := judge(Path(path).read_bytes())) != Taken(Path(path).read_text()):
            yield str(verdict.sentence)
        config = settings.settings(f"{root}/etc/imagegen/settings.json")
        yield from misfits(config, schema.Settings)
        own = start.own_level(f"{project.LIBRARY}/imagegen")
        for level in range(own, own + 3):
            start.check(config, level, config["role"])
        yield from missing_units(config, root)
        if not users.table(f"{root}{users.TABLE}").users:
            yield "there are no users"
        docker_options.data_root(f"{root}{docker_options.OPTIONS}")
        firewall.rules(config)
        if not any(ports.is_open(port, config) for port in ports.table()):
            yield "its firewall opens no port"
        for folder, _, names in os.walk(root):
            for name in names:
                if name.endswith(".py"):
                    with open(os.path.join(folder, name)) as file:
                        yield from missing_imports(file.read())


if __name__ == "__main__":
    found = [f"{path}: {fault}" for path in sys.argv[1:] for fault in faults(path)]
    sys.exit("\n".join(found) or 0)
