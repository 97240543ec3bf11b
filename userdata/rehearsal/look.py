# Runs in a student's kernel: prints what is in the materials, and why nobody can write into the share.
import time


def read(path):
    """The text, as soon as the file is there."""
    deadline = time.monotonic() + 120
    while True:
        try:
            with open(path) as file:
                return file.read().strip()
        except FileNotFoundError:
            if time.monotonic() > deadline:
                return f"no {path} for 120 seconds"
            time.sleep(2)


def refusal(path):
    try:
        with open(path, "w"):
            return f"{path} can be written"
    except OSError as error:
        return error.strerror


print(read("course/README"), read("/share/data/README"), refusal("/share/data/mine"))
