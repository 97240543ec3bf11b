"""Looks at the root file system of an image that was made from somebody's, without mounting it.
Usage: outside.py FILE_SYSTEM MANIFEST"""

import json
import subprocess
import sys

GONE = [
    "/etc/hostname",
    "/etc/ssh/ssh_host_ed25519_key",
    "/etc/ssh/ssh_host_rsa_key",
    "/etc/sudoers.d/90-cloud-init-users",
    "/home/debian",
    "/imagegen-provision",
    "/imagegen-set",
    "/root/.bash_history",
    "/root/.ssh",
    "/usr/sbin/policy-rc.d",
    "/usr/sbin/sshd",
    "/usr/lib/systemd/system-shutdown/imagegen-finish",
    "/var/lib/cloud/instance",
    "/var/lib/dhcp/dhclient.leases",
    "/var/lib/systemd/random-seed",
    "/var/log/auth.log",
    "/var/log/cloud-init.log",
    "/var/log/cloud-init-output.log",
    "/var/log/dpkg.log",
    "/var/log/syslog",
]
EMPTY = ["/tmp", "/var/cache/apt", "/var/lib/apt/lists", "/var/lib/cloud", "/var/log/apt", "/var/log/journal"]
EMPTY += ["/var/tmp"]
UNITS = "/etc/systemd/system"
faults = []


def debugfs(command):
    done = subprocess.run(["debugfs", "-R", command, sys.argv[1]], capture_output=True, text=True, check=True)
    return done.stdout, done.stderr


def is_there(path):
    return "File not found" not in debugfs(f"stat {path}")[1]


def read(path):
    return debugfs(f"cat {path}")[0]


def names(folder):
    rows = [row.split("/") for row in debugfs(f"ls -p {folder}")[0].splitlines()]
    return {row[5] for row in rows if len(row) > 5} - {".", "..", "lost+found"}


def expect(well, fault):
    if not well:
        faults.append(fault)


def main():
    expect(is_there("/etc/passwd"), "this is no root file system")
    for path in GONE:
        expect(not is_there(path), f"{path} is still there")
    for path in EMPTY:
        expect(is_there(path) and not names(path), f"{path} is not empty: {names(path)}")
    expect(is_there("/etc/machine-id") and read("/etc/machine-id") == "", "the machine-id is not empty")
    expect(not any("cloud-init" in name for name in names("/etc/systemd/network")), "a network's settings are left")
    users = [row.split(":") for row in read("/etc/passwd").splitlines()]
    expect(not [row for row in users if 1000 <= int(row[2]) < 65534], f"there are login users: {users}")
    secrets = [row.split(":") for row in read("/etc/shadow").splitlines()]
    expect(secrets and not [row for row in secrets if row[1][:1] not in "!*" or not row[1]], "somebody has a password")

    expect(read("/etc/imagegen-mark") == "/usr/bin/tree\nroot\n", "the script did not run after the packages")
    expect(read("/etc/motd").startswith("Welcome to an image"), "the overlay is not there")
    expect("kept" in " ".join(names("/var/log/imagegen")), "hygiene took what the overlay brought")
    expect("Mode:  0755" in debugfs("stat /usr/local/bin/imagegen-hello")[0], "the overlay's program cannot be run")
    link = 'Fast link dest: "{}"'.format
    for path, target in [
        ("/etc/imagegen-link", "motd"),
        ("/etc/systemd/system/apt-daily.timer", "/dev/null"),
        (f"{UNITS}/multi-user.target.wants/imagegen-hello.service", f"{UNITS}/imagegen-hello.service"),
    ]:
        shown = debugfs(f"stat {path}")[0]
        expect(link(target) in shown or target in read(path), f"{path} does not lead to {target}")
    expect(is_there("/opt/nothing/node_modules/inherits/package.json"), "the npm set is not there")

    with open(sys.argv[2]) as file:
        manifest = json.load(file)
    packages = {package["name"] for package in manifest["packages"]}
    expect("tree" in packages and "openssh-server" not in packages, f"the manifest has {sorted(packages)}")
    expect(manifest["suite"] == "trixie", f"the suite is {manifest['suite']}")
    expect("the login user debian" in manifest["base"]["removed"], f"{manifest['base']}")

    for fault in faults:
        print(fault)
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
