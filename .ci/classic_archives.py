"""Says what keeps a folder from having the classic engine's images, swarm.tar and consul.tar, as a workshop names them.
Usage: classic_archives.py HUB_USERDATA FOLDER"""

import json
import sys
import tarfile
from pathlib import Path
from typing import Any

import yaml

SETTINGS = "/etc/imagegen/settings.json"
# In an OCI archive's index, where there is no table of Docker's own.
NAMES = ("io.containerd.image.name", "org.opencontainers.image.ref.name")
PLATFORM = "linux/amd64"


def wanted(text: str) -> dict[str, str]:
    """The images' names in the user-data of a hub: nothing where the engine is another one."""
    contents = {file["path"]: file["content"] for file in yaml.safe_load(text)["write_files"]}
    images: dict[str, str] = json.loads(contents[SETTINGS]).get("images", {})
    return images


def read(archive: tarfile.TarFile, path: str) -> Any:
    file = archive.extractfile(path)
    if file is None:
        raise KeyError(path)
    return json.load(file)


def described(archive: tarfile.TarFile) -> tuple[list[str], str]:
    """What the archive calls its images, and what they are for."""
    files = archive.getnames()
    if "manifest.json" in files:
        table = read(archive, "manifest.json")
        config = read(archive, table[0]["Config"])
        return [name for entry in table for name in entry["RepoTags"] or []], f"{config['os']}/{config['architecture']}"
    notes = [entry.get("annotations", {}) for entry in read(archive, "index.json")["manifests"]]
    return [next((note[key] for key in NAMES if key in note), "") for note in notes], PLATFORM


def fault(path: Path, name: str) -> str | None:
    """What is wrong with an archive that is to have the image of this name and nothing else."""
    if not path.is_file():
        return "it is not there"
    try:
        # imagegen takes none that are compressed as a whole.
        with tarfile.open(path, "r:") as archive:
            names, platform = described(archive)
    except (tarfile.TarError, OSError, KeyError, IndexError, TypeError, ValueError, EOFError):
        return "it is no archive of a container image"
    if names != [name]:
        return f"it has {', '.join(filter(None, names)) or 'an image without a name'}"
    return None if platform == PLATFORM else f"its image is for {platform}"


def faults(images: dict[str, str], folder: Path) -> list[str]:
    """A sentence for each archive that cannot be used, with what is expected of it."""
    found = []
    for kind, name in sorted(images.items()):
        path = folder / f"{kind}.tar"
        if trouble := fault(path, name):
            found.append(
                f"{path}: {trouble}; expected is {name} for {PLATFORM} and nothing else, as it is written by "
                f"`docker save --output {path.name} {name}`"
            )
    return found


def main() -> None:
    text, folder = sys.argv[1:]
    images = wanted(Path(text).read_text())
    if not images:
        sys.exit("the workshop does not have `engine: classic`")
    if found := faults(images, Path(folder)):
        sys.exit("\n".join(found))


if __name__ == "__main__":
    main()
