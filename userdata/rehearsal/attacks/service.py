# ruff: noqa: F821 (attempts.py and nfs4.py come before it)
# What the code of the hub's page could do if somebody else had written it. Reads JSON: `homes`, the folder with the
# homes, and `student`, who has one. Runs as JupyterHub's user and, as the control, as root.
import glob
import os
import pathlib
import socket
import sys

JOB = json.loads(sys.stdin.read())
MODULE = "imagegen_attempt.py"


def plant(folder):
    path = os.path.join(folder, MODULE)
    with open(path, "w"):
        os.remove(path)
    return path


def read(path):
    return f"{path}: {len(pathlib.Path(path).read_bytes())} bytes"


def first_of(function, paths):
    """The first success; a refusal only where all are refused."""
    refusals = []
    for path in paths:
        try:
            return function(path)
        except OSError as error:
            refusals.append(f"{path}: {error.strerror}")
    if not refusals:
        raise RuntimeError("there is nothing to try")
    raise Refused("; ".join(refusals))


@attempt("speak to Docker")
def docker():
    with socket.socket(socket.AF_UNIX) as line:
        line.connect("/run/docker.sock")
        line.sendall(b"GET /info HTTP/1.0\r\n\r\n")
        return line.recv(64)


@attempt("plant a module where a service imports it")
def module():
    folders = [
        *glob.glob("/opt/jupyterhub/lib/python3*"),
        *glob.glob("/opt/jupyterhub/lib/python3*/site-packages"),
        *glob.glob("/usr/lib/python3*"),
        "/usr/lib/imagegen",
        "/usr/lib/imagegen/jupyter",
        "/opt/proxy",
        "/etc/jupyterhub",
        "/",
    ]
    return first_of(plant, folders)


@attempt("plant a module in the folder in which the page runs")
def working_folder():
    # As the machine sees it: the service's own view of it is read-only, to root as well.
    return plant(os.readlink(f"/proc/{JOB['pid']}/cwd"))


@attempt("change what is exported, or when it starts")
def root_files():
    return first_of(plant, ["/etc/exports.d", "/etc/systemd/system", "/etc/imagegen", "/run/imagegen"])


@attempt("read what other services keep")
def secrets():
    own = ["/etc/imagegen/password-seed", "/etc/imagegen/hub.key", "/run/imagegen-rendezvous/join.json"]
    return first_of(read, own)


@attempt("look into a home")
def home():
    return os.listdir(os.path.join(JOB["homes"], JOB["student"]))


run_attempts()
