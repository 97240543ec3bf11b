"""A module of cloud-init's: has cloud-init do what the user-data says, once this image has accepted it.

`allow_userdata: false` keeps cloud-init from doing anything with user-data by itself: what is half a text, or somebody
else's, must not be done in half. This module is the first of the network stage. It puts the accepted text where all
later stages look for it, and has the modules of its own stage run with it, which otherwise would have seen nothing.
"""

from __future__ import annotations

import importlib
from typing import Any

from cloudinit import util

from imagegen import start
from imagegen.console import say
from imagegen.files import write_whole
from imagegen.paste import taken
from imagegen.paste.content import Config, config
from imagegen.paste.verdict import Spoiled

meta = {"id": "cc_imagegen", "distros": ["all"], "frequency": "always", "activate_by_schema_keys": []}
# What no key in a module's own description tells.
MORE_KEYS = {"users_groups": {"users", "groups"}}


def handle(name: str, cfg: Config, cloud: Any, args: list[str]) -> None:
    """What cloud-init calls at each boot."""
    role = start.image_role()
    verdict = taken.verdict(role)
    if isinstance(verdict, Spoiled):
        return
    try:
        start.check(taken.settings_of(verdict), start.own_level(), role)
    except start.Refusal as refusal:
        say(str(refusal))
        return
    if not write_whole(f"{taken.INSTANCE}/{taken.CONFIG}", verdict.text, 0o600):
        return  # Not the first boot: the modules see it by themselves.
    wanted = config(verdict.text)
    merged = util.mergemanydict([wanted, cfg])
    for module in cfg["cloud_init_modules"]:
        if module != name:
            run(module, wanted, merged, cloud)


def run(name: str, wanted: Config, merged: Config, cloud: Any) -> None:
    """Runs a module as cloud-init does, where the text has something for it."""
    module = importlib.import_module(f"cloudinit.config.cc_{name}")
    if wanted.keys() & {*module.meta["activate_by_schema_keys"], *MORE_KEYS.get(name, ())}:
        arguments = {"name": name, "cfg": merged, "cloud": cloud, "args": []}
        cloud.run(f"config-{name}", module.handle, arguments, freq=module.meta["frequency"])
