"""Applies a recipe to this machine, an instance of a cloud image, and powers it off. The rest is done by finish.py, when
nothing else runs any more. Usage: provision.py NONCE"""
import os
import shutil
import subprocess
import sys

import hygiene
from channel import FOLDER, Failed, run, settings, tell

HOSTS = "/etc/hosts"
POLICY = "/usr/sbin/policy-rc.d"
LAST_ACT = "/usr/lib/systemd/system-shutdown/imagegen-finish"
WHEELS = "/imagegen-set"  # python-set.sh knows it too.
APT = ["apt-get", "-q", "-y", "-o", "Acquire::Retries=3", "-o", "DPkg::Lock::Timeout=900",
       "-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold"]


def apt(what, *arguments):
    return run(what, *APT, *arguments, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"})


def read(path):
    with open(path, errors="replace") as file:
        return file.read()


def write(path, text, mode=0o644):
    with open(path, "w") as file:
        file.write(text)
    os.chmod(path, mode)


def take_out(rules):
    """What the image brought and no golden image has: login users, passwords, programs to log in by."""
    for name in hygiene.login_users(read("/etc/passwd"), rules):
        run(f"removing the login user {name}", "userdel", "--force", "--remove", name)
        tell(removed=f"the login user {name}")
    for name in hygiene.with_password(read("/etc/shadow"), rules):
        run(f"locking {name}", "usermod", "--password", "*", name)
        tell(removed=f"the password of {name}")
    for path in hygiene.forbidden("/", rules):
        # "openssh-server: /usr/sbin/sshd", with the architecture behind the name where there are several.
        package = run(f"looking up /{path}", "dpkg", "-S", f"/{path}").split(": ")[0]
        apt(f"removing {package}", "purge", package)
        tell(removed=f"the package {package}")


def install(step, config):
    name = step["recipe"]
    if step["packages"]:
        tell(step=f"recipe {name}: {len(step['packages'])} packages")
        apt(f"installing the packages of the recipe {name}", "install", "--no-install-recommends", *step["packages"])
    for kept in step["sets"]:
        tell(step=f"recipe {name}: set {kept['path']}")
        into = WHEELS if kept["python"] else f"/{kept['into']}"
        os.makedirs(into, exist_ok=True)
        run(f"unpacking {kept['path']}", "tar", "-C", into, "-xf", f"{FOLDER}/{kept['file']}")
        if kept["python"]:
            run(f"installing {kept['path']}", "sh", "-eu", f"{FOLDER}/{config['installer']}", kept["into"])
    for script in step["scripts"]:
        tell(step=f"recipe {name}: {script['path']}")
        run(f"running {script['path']}", "sh", "-eu", f"{FOLDER}/{script['file']}", cwd="/")


def overlay(config):
    """Unpacked beside the system; finish.py moves it in when hygiene is done, as where an image is bootstrapped."""
    folder = f"{FOLDER}/overlay"
    os.makedirs(folder)
    run("unpacking the overlay", "tar", "-C", folder, "--xattrs", "--xattrs-include=*", "--numeric-owner", "-xpf",
        f"/dev/disk/by-id/virtio-{config['overlay']}")


def packages():
    form = "${db:Status-Status}\t${Package}\t${Version}\t${Architecture}\n"
    rows = [line.split("\t") for line in run("listing the packages", "dpkg-query", "-W", "-f", form, aloud=False).splitlines()]
    return sorted(row[1:] for row in rows if row[0] == "installed")


def release():
    rows = [line.split("=", 1) for line in read("/etc/os-release").splitlines() if "=" in line]
    return {key: value.strip('"') for key, value in rows}.get("VERSION_CODENAME", "")


def provision(config):
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


def main():
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
    except Exception as error:  # Whatever it is, imagegen must hear of it rather than wait.
        tell(failed={"what": f"{type(error).__name__}: {error}", "log": ""})
    subprocess.run(["systemctl", "--no-block", "poweroff"], check=False)


if __name__ == "__main__":
    main()
