"""On a machine of its own (`.ci/docker-guards`): what a container may call with the images' list of system calls and
with Docker's own one, and what code that runs as `jupyterhub` gets from Docker through the broker."""

import contextlib
import glob
import io
import json
import os
import socket
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, "/root/site")

import docker
from docker.api.client import APIClient

from imagegen.hub import broker_policy
from imagegen.jupyter import account, specification

Json = dict[str, Any]

JUPYTERHUB, BROKER, DOCKER_GROUP = 901, 902, 101
DOCKER, OURS = "/run/docker.sock", "/run/imagegen-broker.sock"
PROFILE = "/root/site/imagegen/seccomp.json"
OWN = "10.77.0.5"
IMAGE = "notebook:1"
GIB = 2**30
NOTEBOOKS: Json = {
    "image": IMAGE,
    "memory": GIB,
    "reserve": GIB // 64,
    "cpus": None,  # The kernel of a test machine may have no such limit.
    "processes": 512,
    "idle_minutes": 60,
    "start_seconds": 60,
    "on_hub": True,
    "homes": "/home",
    "shares": [],
}
SETTINGS = {"workshop": "Example", "workshop_id": "example-1", "page": {"notebooks": NOTEBOOKS}}
# errno and what a signal counts as in calls.c.
EPERM, ENOSYS, SIGSYS = 1, 38, 1031
NEEDED = ("unix", "tcp", "udp", "tcp6", "route", "uevent", "pair", "trace", "fork")

failures: list[str] = []


def expect(what: str, holds: bool, seen: object = "") -> None:
    if not holds:
        failures.append(what)
        print(f"FAILED: {what}: {seen}", flush=True)


@contextlib.contextmanager
def dockerd(options: Json) -> Iterator[APIClient]:
    Path("/etc/docker/daemon.json").write_text(json.dumps(options))
    with Path("/tmp/log").open("ab") as log:
        process = subprocess.Popen(["dockerd"], stdout=log, stderr=log)
    client = APIClient(base_url=f"unix://{DOCKER}", version="1.45", timeout=60)
    try:
        for _ in range(600):
            with contextlib.suppress(Exception):
                client.ping()
                break
            time.sleep(0.1)
        yield client
    finally:
        client.close()
        process.terminate()
        process.wait(60)


def image() -> bytes:
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w") as archive:
        for name in ("busybox", "sh", "sleep"):
            archive.add("/usr/bin/busybox", f"bin/{name}")
        archive.add("/root/calls", "bin/calls")
        server = b"#!/bin/sh\nexec /bin/busybox httpd -f -p 8888 -h /bin\n"
        entry = tarfile.TarInfo("bin/jupyterhub-singleuser")
        entry.size, entry.mode = len(server), 0o755
        archive.addfile(entry, io.BytesIO(server))
        for folder in ("home/ada", "etc", "dev"):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(entry)
    return whole.getvalue()


def calls(client: APIClient) -> tuple[dict[str, int], Json]:
    """What `calls` says in a container as the notebooks' are, and the rules that runc was given."""
    host = client.create_host_config(cap_drop=["ALL"], security_opt=["no-new-privileges"])
    made = client.create_container(IMAGE, ["/bin/sh", "-c", "/bin/calls; sleep 60"], host_config=host, user="2001")
    client.start(made["Id"])
    end = time.monotonic() + 30
    while b"fork" not in client.logs(made["Id"]) and time.monotonic() < end:
        time.sleep(0.1)
    (bundle,) = glob.glob(f"/run/**/moby/{made['Id']}/config.json", recursive=True)
    rules: Json = json.loads(Path(bundle).read_text())["linux"]["seccomp"]
    said = client.logs(made["Id"]).decode().splitlines()
    client.remove_container(made["Id"], force=True)
    return {name: int(code) for name, code in (line.split() for line in said)}, rules


def single(rules: Json) -> set[str]:
    """Each name with its conditions, as text."""
    found = set()
    for rule in rules["syscalls"]:
        rest = {key: value for key, value in rule.items() if key != "names"}
        found |= {json.dumps([name, rest], sort_keys=True) for name in rule["names"]}
    return found


def socket_rule(name: str, *conditions: tuple[int, int]) -> str:
    arguments = [{"index": index, "value": value, "op": "SCMP_CMP_EQ"} for index, value in conditions]
    return json.dumps([name, {"action": "SCMP_ACT_ALLOW", "args": arguments}], sort_keys=True)


def try_profile(before: tuple[dict[str, int], Json], now: tuple[dict[str, int], Json]) -> None:
    """The profile is Docker's own but for sockets, and holds."""
    own, ours = single(before[1]), single(now[1])
    families = [socket_rule("socket", (0, family)) for family in (1, 2, 10)]
    links = [socket_rule("socket", (0, 16), (2, protocol)) for protocol in (0, 15)]
    added = {*families, *links, socket_rule("socketpair", (0, 1))}
    expect("the profile adds rules on sockets alone", ours - own == added, ours - own)
    gone = {json.loads(rule)[0] for rule in own - ours}
    expect("it takes away the calls on sockets alone", gone == {"socket", "socketpair", "socketcall"}, gone)
    rest = {key: [one[1].get(key) for one in (before, now)] for key in {**before[1], **now[1]} if key != "syscalls"}
    differing = {key: pair for key, pair in rest.items() if pair[0] != pair[1]}
    expect("all else is the same but for 32-bit x86", set(differing) == {"architectures"}, differing)
    expect("the control: Docker's own profile lets a container ask for AF_ALG", before[0]["family-38"] != EPERM)
    for name, code in now[0].items():
        if name in NEEDED:
            expect(f"{name} works", code == 0, code)
        elif name.startswith("old-"):
            expect(f"{name} ends", code in (SIGSYS, EPERM, ENOSYS), code)
        else:
            expect(f"{name} is not permitted", code == EPERM, code)


def become(uid: int, *groups: int) -> None:
    os.setgroups(groups)
    os.setgid(uid)
    os.setuid(uid)


def as_jupyterhub(work: Callable[[], object]) -> Any:
    """What the function gives in a process of the user `jupyterhub`, by way of JSON."""
    reader, writer = os.pipe()
    if not (child := os.fork()):
        os.close(reader)
        try:
            become(JUPYTERHUB)
            with os.fdopen(writer, "w") as pipe:
                json.dump(work(), pipe)
        except BaseException as error:
            print(f"as jupyterhub: {error!r}", flush=True)
            os._exit(1)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        text = pipe.read()
    expect("the work as jupyterhub ends well", os.waitpid(child, 0)[1] == 0)
    return json.loads(text) if text else None


@contextlib.contextmanager
def broker() -> Iterator[None]:
    """As its unit starts it."""
    credentials = Path("/run/credentials")
    credentials.mkdir()
    (credentials / "settings").write_text(json.dumps(SETTINGS))
    os.chown(credentials / "settings", BROKER, BROKER)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(OURS)
        os.chown(OURS, JUPYTERHUB, 0)
        os.chmod(OURS, 0o600)
        listener.listen()
        if not (child := os.fork()):
            os.dup2(listener.fileno(), 3)
            become(BROKER, DOCKER_GROUP)
            environment = {"CREDENTIALS_DIRECTORY": str(credentials), "PYTHONPATH": "/root/site"}
            os.execve("/usr/bin/python3", ["python3", "-m", "imagegen.hub.broker"], environment)
    try:
        yield
    finally:
        os.kill(child, 15)
        os.waitpid(child, 0)


def through_broker() -> APIClient:
    return APIClient(base_url=f"unix://{OURS}", version="auto")


def asked(name: str = "ada") -> Json:
    """What the spawner asks for."""
    given = {"JUPYTERHUB_API_TOKEN": "secret-of-ada", "TZ": "Europe/Berlin"}
    command = [broker_policy.COMMAND]
    return specification.service(account.find(name), IMAGE, command, given, NOTEBOOKS)  # type: ignore[arg-type]


def spawn() -> object:
    """The spawner's calls, by docker-py: start, look, stop."""
    begun = time.monotonic()
    client = through_broker()
    nodes = client.nodes()
    made = client.create_service(**asked())
    for _ in range(300):
        task = specification.current(client.tasks(filters={"service": "notebook-2001"}))
        if task and specification.published_port(task):
            break
        time.sleep(0.1)
    ready = time.monotonic() - begun
    assert task, "there is no task"
    answer = b""
    with (
        contextlib.suppress(OSError),
        socket.create_connection((OWN, specification.published_port(task) or 0), 5) as web,
    ):
        web.sendall(b"GET /jupyterhub-singleuser HTTP/1.0\r\n\r\n")
        answer = web.recv(100)
    node = client.inspect_node(task["NodeID"])
    told = [nodes, client.tasks(), client.inspect_service("notebook-2001"), node, client.version()]
    return {"made": made, "task": task, "told": told, "answer": answer.decode(), "seconds": ready}


def stop() -> object:
    client = through_broker()
    client.remove_service("notebook-2001")
    for _ in range(300):
        tasks = client.tasks(filters={"name": "notebook-2001."})
        if not any(task["Status"]["State"] in specification.ALIVE for task in tasks):
            break
        time.sleep(0.1)
    try:
        client.inspect_service("notebook-2001")
    except docker.errors.NotFound:
        return len(tasks)
    return "still there"


def send(text: bytes, path: str = OURS) -> str:
    """All that comes back for a text."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(20)
        client.connect(path)
        answer = b""
        with contextlib.suppress(OSError):
            client.sendall(text)
            while part := client.recv(65536):
                answer += part
        return answer.decode(errors="replace")


def request(method: str, target: str, body: object = None, more: bytes = b"") -> bytes:
    text = b"" if body is None else json.dumps(body).encode()
    head = f"{method} {target} HTTP/1.1\r\nHost: docker\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(text)}\r\n".encode() + more + b"\r\n" + text


def attempts(foreign: str, container: str) -> dict[str, bytes]:
    """What somebody would try with the broker's socket."""
    own = json.loads(json.dumps(broker_policy.request(asked("bob"))))

    def service(change: Callable[[Json], object]) -> bytes:
        body = json.loads(json.dumps(own))
        change(body)
        return request("POST", "/v1.45/services/create", body)

    def inner(**values: object) -> bytes:
        return service(lambda body: body["TaskTemplate"]["ContainerSpec"].update(values))

    root = {"Type": "bind", "Source": "/", "Target": "/host"}
    disguised = {"Name": "local", "Options": {"type": "none", "device": "/", "o": "bind"}}
    start = {"Image": IMAGE, "Cmd": ["sh"], "HostConfig": {"Privileged": True, "Binds": ["/:/host"]}}
    escape = {"Image": IMAGE, "User": "0", "Mounts": [root], "Command": ["sh", "-c", "touch /host/escaped"]}
    hidden = request("GET", "/v1.45/swarm")
    chunked = b"Transfer-Encoding: chunked\r\n"
    line = b"POST /v1.45/services/create HTTP/1.1\r\nHost: docker\r\n"
    plain = {"Name": "plain", "TaskTemplate": {"ContainerSpec": escape}}
    return {
        "mounts of /": inner(Mounts=[root]),
        "Docker's socket": inner(Mounts=[{**root, "Source": DOCKER}]),
        "a volume that is a mount": inner(
            Mounts=[{"Type": "volume", "Target": "/host", "VolumeOptions": {"DriverConfig": disguised}}]
        ),
        "root": inner(User="0:0"),
        "capabilities": inner(CapabilityAdd=["ALL"], CapabilityDrop=[]),
        "no seccomp": inner(Privileges={"NoNewPrivileges": False, "Seccomp": {"Mode": "unconfined"}}),
        "the host's network": service(lambda body: body["TaskTemplate"].update(Networks=[{"Target": "host"}])),
        "a plain service": request("POST", "/v1.45/services/create", plain),
        "a service for root": service(lambda body: body["Labels"].update({specification.STUDENT: "root"})),
        "a privileged container": request("POST", "/v1.45/containers/create", start),
        "an exec": request("POST", f"/v1.45/containers/{container}/exec", {"Cmd": ["sh"], "Privileged": True}),
        "the swarm's tokens": request("GET", "/v1.45/swarm"),
        "the unlock key": request("GET", "/v1.45/swarm/unlockkey"),
        "leaving the swarm": request("POST", "/v1.45/swarm/leave?force=1"),
        "Docker's state": request("GET", "/v1.45/info"),
        "the list of services": request("GET", "/v1.45/services"),
        "a foreign service": request("GET", "/v1.45/services/notebook-foreign"),
        "its end": request("DELETE", "/v1.45/services/notebook-foreign"),
        "its end by its id": request("DELETE", f"/v1.45/services/{foreign}"),
        "its change": request("POST", f"/v1.45/services/{foreign}/update?version=1", own),
        "a promotion": request("POST", f"/v1.45/nodes/{foreign}/update?version=1", {"Role": "manager"}),
        "a plugin": request("POST", "/v1.45/plugins/pull?remote=x"),
        "a build": request("POST", "/v1.45/build?remote=x"),
        "two slashes": request("GET", "//v1.45//swarm"),
        "dots": request("GET", "/v1.45/nodes/../swarm"),
        "encoded dots": request("GET", "/v1.45/nodes/%2e%2e/swarm"),
        "an encoded slash": request("GET", "/v1.45%2fswarm"),
        "an encoded letter": request("GET", "/v1.45/%73warm"),
        "an absolute address": request("GET", "http://docker/v1.45/swarm"),
        "another machine": request("GET", "http://10.77.0.5:2375/swarm"),
        "a fragment": request("GET", "/v1.45/nodes#/../swarm"),
        "a parameter": request("GET", "/v1.45/nodes;/../swarm"),
        "no target": b"GET HTTP/1.1\r\n\r\n",
        "another method": request("HEAD", "/v1.45/swarm"),
        "an override of the method": request("GET", "/v1.45/swarm", None, b"X-HTTP-Method-Override: DELETE\r\n"),
        "a second request behind": request("GET", "/v1.45/version") + hidden,
        "a second request in the body": line + b"Content-Length: 0\r\n" + chunked + b"\r\n0\r\n\r\n" + hidden,
        "two lengths": line + b"Content-Length: 0\r\nContent-Length: %d\r\n\r\n" % len(hidden) + hidden,
        "chunks": line + chunked + b"\r\n%x\r\n" % len(hidden) + hidden + b"\r\n0\r\n\r\n",
        "hidden chunks": line + b"Transfer-Encoding: xchunked\r\nContent-Length: 0\r\n\r\n" + hidden,
        "a folded header": line + b"X: y\r\n " + chunked + b"\r\n" + hidden,
        "bare line feeds": hidden.replace(b"\r\n", b"\n"),
        "an upgrade": request("POST", "/v1.45/services/create", own, b"Connection: Upgrade\r\nUpgrade: h2c\r\n"),
        "a session": request("POST", "/session", None, b"Connection: Upgrade\r\nUpgrade: h2c\r\n"),
        "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "a huge header": b"GET /v1.45/version HTTP/1.1\r\nX: " + b"x" * 2**20 + b"\r\n\r\n",
        "many headers": b"GET /v1.45/version HTTP/1.1\r\n" + b"X: y\r\n" * 10**5 + b"\r\n",
        "a huge body": line + b"Content-Length: 1073741824\r\n\r\n" + b"x" * 2**20,
        "a deep body": line + b"Content-Length: 200000\r\n\r\n" + b"[" * 200000,
    }


def attack(foreign: str, container: str) -> object:
    """Everything, as the user `jupyterhub`."""
    direct = socket.socket(socket.AF_UNIX)
    try:
        direct.connect(DOCKER)
        reached = "Docker's own socket"
    except PermissionError:
        reached = ""
    return {"reached": reached, **{name: send(text) for name, text in attempts(foreign, container).items()}}


def slow() -> object:
    """Clients that send nothing more: whether others wait for them, and until when they are kept."""
    begun = time.monotonic()
    idle = [socket.socket(socket.AF_UNIX) for _ in range(15)]
    for each in idle:
        each.connect(OURS)
        each.sendall(b"GET /v")
    through_broker().version()
    beside = time.monotonic() - begun
    for each in idle:
        each.settimeout(20)
        while each.recv(4096):
            pass
    return [beside, time.monotonic() - begun]


def latency() -> list[float]:
    """Milliseconds of a list of nodes, in the median."""

    def measured(url: str, version: str) -> float:
        client = APIClient(base_url=url, version=version)
        times = []
        for _ in range(200):
            begun = time.monotonic()
            client.nodes()
            times.append(time.monotonic() - begun)
        return sorted(times)[100] * 1000

    return [measured(f"unix://{DOCKER}", "1.45"), measured(f"unix://{OURS}", "1.45")]


def try_broker(client: APIClient) -> None:
    os.chmod("/home/ada", 0o700)
    os.chown("/home/ada", 2001, 2001)
    client.init_swarm(advertise_addr=OWN, listen_addr=f"{OWN}:2377")
    with broker():
        found = as_jupyterhub(spawn)
        expect("a student's server runs", found["task"]["Status"]["State"] == "running", found["task"]["Status"])
        expect("it answers", " 200 " in found["answer"], found["answer"])
        said = json.dumps(found["told"])
        for secret in ("secret-of-ada", "SWMTKN", "TrustRoot", "CertIssuer", "JoinTokens"):
            expect(f"nothing tells {secret}", secret not in said)
        real = client.inspect_service("notebook-2001")["Spec"]
        wanted = {specification.STUDENT: "ada", specification.WORKSHOP: "example-1"}
        expect("the service has the workshop's label", real["Labels"] == wanted, real["Labels"])
        container = client.containers()[0]["Id"]
        foreign = {**asked("bob"), "name": "notebook-foreign"}
        other = client.create_service(**foreign)["ID"]
        granted = attempts(other, container)
        for name in ("a privileged container", "an exec", "the swarm's tokens", "Docker's state", "a foreign service"):
            closing = granted[name].replace(b"HTTP/1.1\r\n", b"HTTP/1.1\r\nConnection: close\r\n", 1)
            answer = send(closing, DOCKER)
            expect(f"the control: Docker itself grants {name}", answer.startswith("HTTP/1.1 20"), answer[:300])
        for name, answer in as_jupyterhub(lambda: attack(other, container)).items():
            refused = answer == "" or answer.split()[1] in ("400", "403", "404")
            expect(f"{name} is refused", refused and "SWMTKN" not in answer, answer[:300])
        names = sorted(each["Spec"]["Name"] for each in client.services())
        expect("only what was there is there", names == ["notebook-2001", "notebook-foreign"], names)
        expect("nobody got out of a container", not Path("/escaped").exists())
        expect("the stopped server is gone", isinstance(as_jupyterhub(stop), int))
        beside, until = as_jupyterhub(slow)
        expect("slow clients keep nobody waiting", beside < 1, beside)
        expect("slow clients are sent away", until < 10, until)
        direct, by_broker = latency()
        print(
            f"A server is ready after {found['seconds']:.1f} s; a list of nodes takes {by_broker:.1f} ms by the broker"
        )
        print(f"and {direct:.1f} ms without. {len(attempts('', ''))} attempts were refused.", flush=True)


def main() -> None:
    for command in (
        ["busybox", "mount", "--make-rshared", "/"],
        ["ip", "link", "add", "lan0", "type", "bridge"],
        ["ip", "address", "add", f"{OWN}/24", "dev", "lan0"],
        ["ip", "link", "set", "lan0", "up"],
    ):
        subprocess.run(command, check=True)
    with dockerd({}) as client:
        client.import_image_from_data(image(), repository="notebook", tag="1")
        before = calls(client)
    with dockerd({"seccomp-profile": PROFILE}) as client:
        try_profile(before, calls(client))
        try_broker(client)
    print(f"{len(failures)} guards of containers and Docker fail.")
    sys.exit(bool(failures))


main()
