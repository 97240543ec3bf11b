"""Gives accounts that have none yet their passwords: the ones on the cards, or those that people brought."""

import hashlib
import hmac
import subprocess

from imagegen.accounts import read
from imagegen.console import announce, say
from imagegen.settings import settings
from imagegen.users import table

SEED = "/etc/imagegen/password-seed"
BROUGHT = "/etc/imagegen/passwords"
ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"


def generated(seed: str, workshop: str, name: str) -> str:
    """12 characters of five bits each, as `imagegen users` prints them."""
    message = f"imagegen password\0{workshop}\0{name}"
    digest = hmac.new(seed.encode(), message.encode(), hashlib.sha256).digest()
    text = "".join(ALPHABET[byte % 32] for byte in digest[:12])
    return "-".join((text[:4], text[4:8], text[8:]))


def brought(path: str = BROUGHT) -> dict[str, str]:
    """The hashes of people's own passwords, by name."""
    try:
        with open(path) as file:
            return dict(line.rstrip("\n").split(":", 1) for line in file)
    except FileNotFoundError:
        return {}


def main() -> None:
    """Sets what is missing, and changes no password that is there."""
    with open(SEED) as file:
        seed = file.read().strip()
    workshop = settings()["workshop"]
    shadow, hashes = read("shadow"), brought()
    new = [name for name in table().users if shadow[name][1] == "!"]
    own = "".join(f"{name}:{hashes[name]}\n" for name in new if name in hashes)
    # A password of 60 random bits needs no slow hash, and thousands of slow ones would take the hub minutes.
    made = "".join(f"{name}:{generated(seed, workshop, name)}\n" for name in new if name not in hashes)
    for options, lines in ((["--encrypted"], own), (["--crypt-method", "SHA512", "--sha-rounds", "1000"], made)):
        if lines:
            subprocess.run(["chpasswd", *options], input=lines, text=True, check=True)
    if new:
        announce(f"{len(new)} accounts have their passwords.")
    else:
        say("Every account has its password.")


if __name__ == "__main__":
    main()
