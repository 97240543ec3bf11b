"""Whether the hub's file systems have space left."""

import os

SHARE = 20  # One part in so many is to be free,
LEAST = 2**30  # and this many bytes in any case.


def warnings(places: dict[str, str]) -> list[str]:
    """Sentences on full file systems. `places` are the folders of what is kept on the hub, by its name; what is on one
    file system is named together."""
    together: dict[int, list[tuple[str, str]]] = {}
    for name, folder in places.items():
        if os.path.isdir(folder):
            together.setdefault(os.stat(folder).st_dev, []).append((name, folder))
    found = []
    for kept in together.values():
        system = os.statvfs(kept[0][1])
        free = system.f_bavail * system.f_frsize
        if free < max(LEAST, system.f_blocks * system.f_frsize // SHARE):
            names = " and ".join(name for name, _ in kept)
            found.append(f"The hub's disk is nearly full: {free // 10**6} MB left for {names}.")
    return found
