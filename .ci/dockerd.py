"""Starts dockerd with cases of a list, and a container in it, and says where it failed otherwise than expected.
Usage: dockerd.py CASES LANE LANES     only every so many of the cases, from that one on"""

import contextlib
import http.client
import io
import json
import shutil
import socket
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from typing import Any

OPTIONS = Path("/etc/docker/daemon.json")
SOCKET = "/run/docker.sock"
LOG = Path("/tmp/log")
PATIENCE = 60


class Connection(http.client.HTTPConnection):
    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(PATIENCE)
        self.sock.connect(SOCKET)


def call(method: str, path: str, body: bytes | None = None, kind: str = "application/json") -> tuple[int, str]:
    connection = Connection("docker")
    connection.request(method, path, body, {"Content-Type": kind})
    answer = connection.getresponse()
    return answer.status, answer.read().decode(errors="replace")


def image() -> bytes:
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w") as archive:
        archive.add("/usr/bin/busybox", "bin/sh")
    return whole.getvalue()


def container() -> str:
    """Runs one; what went wrong."""
    command = json.dumps({"Image": "test:1", "Cmd": ["/bin/sh", "-c", "true"]}).encode()
    for wanted, method, path, body, kind in (
        (200, "POST", "/images/create?fromSrc=-&repo=test&tag=1", image(), "application/x-tar"),
        (201, "POST", "/containers/create?name=test", command, "application/json"),
        (204, "POST", "/containers/test/start", None, "application/json"),
    ):
        status, said = call(method, path, body, kind)
        if status != wanted:
            return said
    _, said = call("POST", "/containers/test/wait")
    return "" if json.loads(said)["StatusCode"] == 0 else said


def clean() -> None:
    docker = Path("/var/lib/docker").iterdir()
    for path in (*docker, Path("/run/docker"), Path("/run/docker.pid"), Path(SOCKET)):
        shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
    subprocess.run(["ip", "link", "delete", "docker0"], capture_output=True, check=False)


def answers(process: subprocess.Popen[bytes]) -> bool:
    end = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < end:
        try:
            if call("GET", "/_ping")[0] == http.HTTPStatus.OK:
                return True
        except OSError:
            time.sleep(0.1)
    return False


def outcome(options: dict[str, Any]) -> tuple[str, str]:
    """How far dockerd gets, and what it says where it stops."""
    OPTIONS.write_text(json.dumps(options))
    validated = subprocess.run(["dockerd", "--validate"], capture_output=True, text=True, check=False)
    if validated.returncode:
        return "validate", validated.stderr
    clean()
    with LOG.open("wb") as log:
        process = subprocess.Popen(["dockerd"], stdout=log, stderr=log)
    try:
        if not answers(process):
            return "start", LOG.read_text().splitlines()[-1]
        try:
            failed = container()
        except (OSError, http.client.HTTPException) as error:
            failed = repr(error)
        return ("containers", failed) if failed else ("sound", "")
    finally:
        process.terminate()
        process.wait(PATIENCE)


def main() -> None:
    file, lane, lanes = sys.argv[1:]
    cases = json.loads(Path(file).read_text())[int(lane) :: int(lanes)]
    wrong = 0
    for kind, docker, options in cases:
        # Where something of the machine is wanting here, a container fails; what a workshop cannot have, dockerd can.
        wanted = {"elsewhere": ("sound", "containers"), "takes": ("sound",)}.get(kind, (kind,))
        got, said = outcome(options)
        if got not in wanted:
            wrong += 1
            print(f"{docker} is {got}, and not {kind}: {said}", flush=True)
    with contextlib.suppress(OSError):
        Path("/sys/fs/cgroup/docker").rmdir()
    version = subprocess.run(["dockerd", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    print(f"{len(cases)} sets of options, {wrong} of them judged otherwise by {version}")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
