"""Files that are complete at every moment."""

import os
import tempfile


def write_whole(path: str, text: str, mode: int = 0o644) -> bool:
    """Puts a file in place in one step; False where it had this text already."""
    try:
        with open(path) as file:
            if file.read() == text:
                return False
    except (OSError, ValueError):
        pass
    # Made for its owner alone: nobody reads a secret before the file has its mode.
    number, unfinished = tempfile.mkstemp(prefix=f".{os.path.basename(path)}.", dir=os.path.dirname(path) or ".")
    with os.fdopen(number, "w") as file:
        os.fchmod(file.fileno(), mode)
        file.write(text)
    os.replace(unfinished, path)
    return True
