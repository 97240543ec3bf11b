"""The workshop's own notebook image, which a machine without it fetches from its registry."""

import subprocess
import time
from collections.abc import Callable

from imagegen.console import announce
from imagegen.settings import settings

PAUSE = 20  # seconds between two tries


def is_here(image: str) -> bool:
    """Whether Docker has it."""
    return subprocess.run(["docker", "image", "inspect", image], capture_output=True).returncode == 0


def fetch(image: str, tell: Callable[[str], object] = announce) -> None:
    """Returns when it is here. `tell` gets a sentence on what is going on."""
    if is_here(image):
        return
    tell(f"Fetching the notebook image {image}.")
    while not is_here(image):
        done = subprocess.run(["docker", "pull", "--quiet", image], capture_output=True, text=True)
        if done.returncode:
            tell(f"The notebook image cannot be fetched yet: {done.stderr}")
            time.sleep(PAUSE)


if __name__ == "__main__":
    fetch(settings()["notebook_image"])
