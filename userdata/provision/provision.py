"""Applies a recipe to this machine, an instance of a cloud image, and powers it off. finish.py does the rest, when
nothing else runs any longer. Usage: provision.py NONCE"""

import os
import shutil
import subprocess
import sys

import hygiene
from channel import FOLDER, Bundle, Failed, Settings, Step, run, run_quietly, settings, tell
from hygiene import Rules

HOSTS = "/etc/hosts"
POLICY = "/usr/sbin/policy-rc.d"
LAST_ACT = "/usr/lib/systemd/system-shutdown/imagegen-finish"
WHEELS = "/imagegen-set"  # python-set.sh knows it too.
APT = [
    *["apt-get", "-q", "-y", "-o", "Acquire::Retries=3", "-o", "DPkg::Lock::Timeout=900"],
    *["-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold"],
]


def apt(what: str, *arguments: str) -> str:
    """Runs apt-get, which asks nothing."""
    return run(what, *APT, *arguments, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"})


def read(path: str) -> str:
    """The text of a file."""
    with open(path, errors="replace") as file:
        return file.read()


def write(path: str, text: str, mode: int = 0o644) -> None:
    """Writes a file with that mode."""
    with open(path, "w") as file:
        file.write(text)
    os.chmod(path, mode)


def take_out(rules: Rules) -> None:
    """Removes what the image brought and no golden image has: login users, passwords, programs to log in by."""
    passwd = read("/etc/passwd")
    for name in hygiene.login_users(passwd, rules):
        # The home of a second root may be root's own.
        home = [] if name in hygiene.root_names(passwd) else ["--remove"]
        run(f"removing the login user {name}", "userdel", "--force", *home, name)
        tell(removed=f"the login user {name}")
    for name in hygiene.with_password(read("/etc/shadow"), rules):
        run(f"locking {name}", "usermod", "--password", "*", name)
        tell(removed=f"the password of {name}")
    for path in hygiene.forbidden("/", rules):
        # "openssh-server: /usr/sbin/sshd", with the architecture behind the name where there are several.
        package = run(f"looking up /{path}", "dpkg", "-S", f"/{path}").split(": ")[0]
        apt(f"removing {package}", "purge", package)
        tell(removed=f"the package {package}")


def install(step: Step, config: Settings) -> None:
    """Installs what a recipe names, in its order: packages, bundles, scripts."""
    name = step["recipe"]
    if step["packages"]:
        tell(step=f"recipe {name}: {len(step['packages'])} packages")
        apt(f"installing the packages of the recipe {name}", "install", "--no-install-recommends", *step["packages"])
    for bundle in step["sets"]:
        tell(step=f"recipe {name}: set {bundle['path']}")
        unpack(bundle, config["installer"])
    for script in step["scripts"]:
        tell(step=f"recipe {name}: {script['path']}")
        run(f"running {script['path']}", "sh", "-eu", f"{FOLDER}/{script['file']}", cwd="/")


def unpack(bundle: Bundle, installer: str) -> None:
    """Unpacks a bundle; that of Python is wheels, which the installer makes an environment of."""
    into = WHEELS if bundle["python"] else f"/{bundle['into']}"
    os.makedirs(into, exist_ok=True)
    run(f"unpacking {bundle['path']}", "tar", "-C", into, "-xf", f"{FOLDER}/{bundle['file']}")
    if bundle["python"]:
        run(f"installing {bundle['path']}", "sh", "-eu", f"{FOLDER}/{installer}", bundle["into"])


def overlay(config: Settings) -> None:
    """Unpacks it beside the system; finish.py moves it in after the cleaning, so that it stays whole."""
    folder = f"{FOLDER}/overlay"
    os.makedirs(folder)
    tar = ["tar", "-C", folder, "--xattrs", "--xattrs-include=*", "--numeric-owner", "-xpf"]
    run("unpacking the overlay", *tar, f"/dev/disk/by-id/virtio-{config['overlay']}")


def packages() -> list[list[str]]:
    """Name, version and architecture of each installed package."""
    form = "${db:Status-Status}\t${Package}\t${Version}\t${Architecture}\n"
    shown = run_quietly("listing the packages", "dpkg-query", "-W", "-f", form)
    rows = [line.split("\t") for line in shown.splitlines()]
    return sorted(row[1:] for row in rows if row[0] == "installed")


def release() -> str:
    """The distribution's name for this release."""
    rows = [line.split("=", 1) for line in read("/etc/os-release").splitlines() if "=" in line]
    return {key: value.strip('"') for key, value in rows}.get("VERSION_CODENAME", "")


def provision(config: Settings) -> None:
    """All recipes, the lowest first."""
    if not shutil.which("apt-get"):
        raise Failed("the image has no apt-get: only Debian and Ubuntu can be the base of a recipe")
    names = read(HOSTS)
    write(HOSTS, names + config["hosts"])  # The mirror may be known by a name of the machine that runs imagegen.
    write(POLICY, "#!/bin/sh\nexit 101\n", 0o755)  # Services begin in the instances alone. Hygiene removes it.
    tell(step="the image's own users and SSH server")
    take_out(config["rules"])
    if any(step["packages"] for step in config["steps"]):
        tell(step="the mirror's list of packages")
        apt("fetching the mirror's list of packages", "update")
    for step in config["steps"]:
        install(step, config)
    tell(step="overlay")
    overlay(config)
    write(HOSTS, names)
    tell(packages=packages())
    tell(suite=release())


def main() -> None:
    """Provisions, and leaves the last act to systemd. imagegen must hear of every failure rather than wait."""
    tell(step="cloud-init has begun")
    config = settings()
    try:
        provision(config)
        write(f"{FOLDER}/nonce", sys.argv[1])
        os.makedirs(os.path.dirname(LAST_ACT), exist_ok=True)
        shutil.copy(f"{FOLDER}/finish.py", LAST_ACT)
        os.chmod(LAST_ACT, 0o755)
        tell(step="powering off")
    except Failed as failure:
        tell(failed={"what": failure.what, "log": failure.log})
    except Exception as error:
        tell(failed={"what": f"{type(error).__name__}: {error}", "log": ""})
    subprocess.run(["systemctl", "--no-block", "poweroff"], check=False)


if __name__ == "__main__":
    main()
