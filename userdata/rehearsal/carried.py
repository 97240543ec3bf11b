"""Has Docker mount each container image that the machine carries, without a registry, and prints how many there are."""

import json
import pathlib
import subprocess

LIST = pathlib.Path("/usr/share/imagegen/containers.json")


def docker(*arguments):
    return subprocess.run(["docker", *arguments], check=True, stdout=subprocess.PIPE).stdout


def main():
    images = json.loads(LIST.read_text()) if LIST.exists() else []
    for image in images:
        name = f"{image['name']}@{image['digest']}"
        # An image need not have a program that could be run.
        container = docker("create", "--pull", "never", "--network", "none", name, "none").decode().strip()
        try:
            # Docker puts this file into every container: to read it, all layers are mounted.
            docker("cp", f"{container}:/.dockerenv", "-")
        finally:
            docker("rm", "--force", container)
    print(len(images))


main()
