"""Keeps the workshop's users out of SSH, which an ordinary image may have: they write to their homes, also keys. The users
that this machine has by itself come in as before."""
import os
import subprocess

from accounts import TABLE, read, table
from common import fail

RULES = "/etc/ssh/sshd_config.d/11-imagegen.conf"


def rules(passwd, users):
    """Names no user of the workshop, of whom there may be thousands, and admits nobody whom the image refuses."""
    others = "".join(f",!{name}" for name in passwd if name not in users)
    return f"# Made by imagegen at each boot: the workshop's users do not log in.\nMatch User *{others}\n\tDenyUsers *\n"


def systemctl(*words):
    return subprocess.run(["systemctl", "--quiet", *words]).returncode == 0


def main(path=RULES, users=TABLE, folder="/etc"):
    text = rules(read("passwd", folder), table(users)[0])
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(f"{path}.unfinished", "w") as file:
        file.write(text)
    os.replace(file.name, path)
    if systemctl("is-active", "ssh.service") and not systemctl("reload", "ssh.service"):
        fail("sshd does not take the rule that keeps the workshop's users out, so there are no accounts: see `sshd -t`.")


if __name__ == "__main__":
    main()
