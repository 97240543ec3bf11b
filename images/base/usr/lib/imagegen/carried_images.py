"""The container images that a golden image brings, where the workshop keeps Docker's data elsewhere."""

import os
import shutil
import subprocess

from imagegen.console import say
from imagegen.docker_options import USUAL_ROOT


def move(root: str, usual: str = USUAL_ROOT) -> None:
    """Moves them from Docker's usual folder to `root`, once."""
    # The last thing to arrive is the list of images.
    if root == usual or not os.path.isdir(f"{usual}/image") or os.path.exists(f"{root}/image"):
        return
    unfinished = f"{root}/imagegen-unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    os.makedirs(unfinished)
    # cp keeps what layers consist of: hard links, extended attributes, device nodes that stand for removed files.
    subprocess.run(["cp", "-a", f"{usual}/overlay2", f"{usual}/image", unfinished], check=True)
    shutil.rmtree(f"{root}/overlay2", ignore_errors=True)
    for name in ("overlay2", "image"):
        os.rename(f"{unfinished}/{name}", f"{root}/{name}")
    for path in (unfinished, f"{usual}/overlay2", f"{usual}/image"):
        shutil.rmtree(path)
    say(f"The notebook image has moved to {root}.")
