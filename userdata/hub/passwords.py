"""Gives accounts that have none yet their passwords: the ones on the cards, or those that people brought."""
import hashlib
import hmac
import subprocess

from accounts import read, table
from common import announce, say, settings

ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"


def generated(seed, workshop, name):
    """12 characters of five bits each, as `imagegen users` prints them."""
    message = f"imagegen password\0{workshop}\0{name}"
    digest = hmac.new(seed.encode(), message.encode(), hashlib.sha256).digest()
    text = "".join(ALPHABET[byte % 32] for byte in digest[:12])
    return "-".join((text[:4], text[4:8], text[8:]))


def brought():
    """The hashes of people's own passwords, by name."""
    with open("/etc/imagegen/passwords") as file:
        return dict(line.rstrip("\n").split(":") for line in file)


def main():
    with open("/etc/imagegen/password-seed") as file:
        seed = file.read().strip()
    workshop = settings()["workshop"]
    shadow, hashes = read("shadow"), brought()
    new = [name for name in table()[0] if shadow[name][1] == "!"]
    own = "".join(f"{name}:{hashes[name]}\n" for name in new if name in hashes)
    # A password of 60 random bits needs no slow hash, and thousands of slow ones would take the hub minutes.
    made = "".join(f"{name}:{generated(seed, workshop, name)}\n" for name in new if name not in hashes)
    for options, lines in ((["--encrypted"], own), (["--crypt-method", "SHA512", "--sha-rounds", "1000"], made)):
        if lines:
            subprocess.run(["chpasswd", *options], input=lines, text=True, check=True)
    if new:
        announce(f"{len(new)} accounts have got their passwords.")
    else:
        say("Every account has its password.")


if __name__ == "__main__":
    main()
