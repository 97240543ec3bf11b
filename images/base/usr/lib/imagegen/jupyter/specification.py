"""What Docker is told about a student's server. Nothing here talks to Docker or JupyterHub."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from imagegen.jupyter.account import Account

if TYPE_CHECKING:
    from imagegen.schema import Notebooks

# What Docker's API says of a node or a task.
Json = dict[str, Any]

PORT = 8888
# `docker-stacks` images run as any UID, if it is in the group that may write to their environment.
STACKS_GROUP = 100
# A node says with it which notebook image it has, and with `-digest` after it the digest alone: a swarm's constraints
# cannot name what has an `@` in it.
LABEL = "imagegen.notebook"
# The student whose server a container is.
STUDENT = "imagegen.student"
# The id of the workshop that a service belongs to. The broker (imagegen.hub.broker) adds it, and touches no other one.
WORKSHOP = "imagegen.workshop"
# Seconds until a server that does not end by itself is killed.
GRACE = 10
# These replace the image's own, in which students have no names: `whoami` and Python's getpass look here.
ACCOUNT_FILES = ("/etc/passwd", "/etc/group")


def service_name(account: Account) -> str:
    """By number: a name may have dots, and may be longer than what Docker takes."""
    return f"notebook-{account.uid}"


def environment(account: Account, given: Mapping[str, str]) -> list[str]:
    """The server's environment. What it writes as it runs stays out of the home, where another node would find it."""
    own = {
        "HOME": account.home,
        "USER": account.name,
        "LOGNAME": account.name,
        "NB_USER": account.name,
        "NB_UID": str(account.uid),
        "NB_GID": str(account.gid),
        "JUPYTER_RUNTIME_DIR": "/tmp/jupyter-runtime",
    }
    return [f"{name}={value}" for name, value in sorted({**given, **own}.items())]


def homes(account: Account, options: Notebooks) -> tuple[str, str]:
    """The account's home on the machines, and in the container."""
    return f"{options['homes']}/{account.name}", account.home


def groups(account: Account) -> list[str]:
    """The GIDs of the container beside the first one."""
    return [str(gid) for gid in dict.fromkeys((*account.groups, STACKS_GROUP))]


def mounts(account: Account, options: Notebooks) -> list[Json]:
    """Home, shares, the machine's list of accounts, and shared memory."""
    source, target = homes(account, options)
    bind = {"Type": "bind", "BindOptions": {"Propagation": "rslave"}}
    found: list[Json] = [{**bind, "Source": source, "Target": target}]
    found += [
        {**bind, "Source": path, "Target": path, "ReadOnly": not writable} for path, writable in options["shares"]
    ]
    found += [{"Type": "bind", "Source": path, "Target": path, "ReadOnly": True} for path in ACCOUNT_FILES]
    # PyTorch and others share memory by files there, and Docker's default is 64 MB.
    found.append({"Type": "tmpfs", "Target": "/dev/shm", "TmpfsOptions": {"SizeBytes": options["memory"] // 2}})
    return found


def constraints(image: str, options: Notebooks) -> list[str]:
    """Which machines may run the server: not the hub, unless the workshop says so, and none without the image."""
    found = [] if options["on_hub"] else ["node.role==worker"]
    if not options["image"]:
        found.append(f"engine.labels.{LABEL}-digest=={image.partition('@')[2]}")
    return found


def container_spec(
    account: Account, image: str, command: Sequence[str], given: Mapping[str, str], options: Notebooks
) -> Json:
    """The service's container."""
    return {
        "Image": image,
        "Args": list(command),
        "Env": environment(account, {**given, "IMAGEGEN_NODE": "{{.Node.Hostname}}"}),  # Docker fills it in.
        "User": f"{account.uid}:{account.gid}",
        "Groups": groups(account),
        "Dir": account.home,
        "Mounts": mounts(account, options),
        "CapabilityDrop": ["ALL"],
        "Privileges": {"NoNewPrivileges": True},
        # The hub polls the server itself; an image's own check would start a Python every 3 seconds.
        "Healthcheck": {"Test": ["NONE"]},
        "StopGracePeriod": GRACE * 10**9,
        "Labels": {STUDENT: account.name},
    }


def service(account: Account, image: str, command: Sequence[str], given: Mapping[str, str], options: Notebooks) -> Json:
    """The arguments of docker-py's `create_service`: one task, on a port that its machine chooses."""
    limits = {"MemoryBytes": options["memory"], "Pids": options["processes"]}
    if options["cpus"]:
        limits["NanoCPUs"] = int(options["cpus"] * 1e9)
    task = {
        "ContainerSpec": container_spec(account, image, command, given, options),
        "Resources": {"Limits": limits, "Reservations": {"MemoryBytes": options["reserve"]}},
        # A kernel does not survive its server. The student starts a new one, and knows.
        "RestartPolicy": {"Condition": "none"},
        "Placement": {"Constraints": constraints(image, options)},
        "Networks": [],
    }
    # In host mode there is no overlay network between hub and server, and each machine chooses a free port.
    ports = [{"Protocol": "tcp", "TargetPort": PORT, "PublishMode": "host"}]
    return {
        "task_template": task,
        "name": service_name(account),
        "labels": {STUDENT: account.name},
        "endpoint_spec": {"Ports": ports},
    }


def container(account: Account, options: Notebooks) -> tuple[Json, Json]:
    """For the classic engine: what dockerspawner adds to a container, and to its host configuration."""
    source, target = homes(account, options)
    binds = {source: {"bind": target, "mode": "rw"}}
    binds |= {path: {"bind": path, "mode": "rw" if writable else "ro"} for path, writable in options["shares"]}
    binds |= {path: {"bind": path, "mode": "ro"} for path in ACCOUNT_FILES}
    create = {
        "user": f"{account.uid}:{account.gid}",
        "working_dir": account.home,
        "healthcheck": {"test": ["NONE"]},
        "labels": {STUDENT: account.name},
        "stop_timeout": GRACE,
    }
    host = {
        # A container that ended says how, before the spawner removes it.
        "auto_remove": False,
        "binds": binds,
        "mem_limit": options["memory"],
        "pids_limit": options["processes"],
        "group_add": groups(account),
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges"],
        "shm_size": options["memory"] // 2,
    }
    # dockerspawner makes a quota of the hub's `cpu_limit`, and Docker takes no second limit beside it.
    return create, host


def how_it_ended(state: Json) -> str | None:
    """Nothing of a container that runs or is about to; otherwise how it ended, for the organiser."""
    if state["Running"] or state.get("Status") == "created":
        return None
    return f"it ended with code {state.get('ExitCode')}" + (f": {state['Error']}" if state.get("Error") else "")


ALIVE = frozenset({"new", "allocated", "pending", "assigned", "accepted", "preparing", "ready", "starting", "running"})


def is_alive(task: Json) -> bool:
    """A task of a lost machine goes on saying that it runs; but it is no longer wanted."""
    return task["DesiredState"] in ("running", "ready") and task["Status"]["State"] in ALIVE


def is_lost(task: Json) -> bool:
    """Whether the swarm gave the task up because it had heard nothing of the machine for too long. A task that ends by
    itself says how it ended, and is given up after that."""
    is_wanted = task["DesiredState"] in ("running", "ready")
    return not is_wanted and task["Status"]["State"] in (*ALIVE, "shutdown", "orphaned")


def current(tasks: Sequence[Json]) -> Json | None:
    """The task that counts: the newest one that is alive, or the newest."""
    pool = [task for task in tasks if is_alive(task)] or tasks
    return max(pool, key=lambda task: task["CreatedAt"], default=None)


def published_port(task: Json) -> int | None:
    """The port that the machine chose, once it has."""
    ports = (task["Status"].get("PortStatus") or {}).get("Ports") or []
    own = (each for each in ports if each.get("TargetPort") == PORT and each.get("PublishMode") == "host")
    return next((each["PublishedPort"] for each in own), None)


def image_of(nodes: Sequence[Json], options: Notebooks) -> str | None:
    """The image to run: the organiser's, or the one that most machines have; None if no machine has one."""
    if options["image"]:
        return options["image"]
    found = [labels[LABEL] for node in nodes if is_ready(node) and LABEL in (labels := engine_labels(node))]
    return max(sorted(set(found)), key=found.count, default=None)


def engine_labels(node: Json) -> dict[str, str]:
    """The labels that the machine's dockerd has by its own configuration."""
    return node["Description"].get("Engine", {}).get("Labels") or {}


def is_ready(node: Json) -> bool:
    """Whether the machine takes servers."""
    ready: bool = node["Status"]["State"] == "ready" and node["Spec"]["Availability"] == "active"
    return ready


def processors(nodes: Sequence[Json], options: Notebooks) -> int:
    """How many all machines together have that servers can start on; one at least."""
    usable = [node for node in nodes if is_ready(node) and (options["on_hub"] or node["Spec"]["Role"] == "worker")]
    count: int = sum(node["Description"]["Resources"]["NanoCPUs"] // 10**9 for node in usable)
    return max(1, count)


def address(node: Json, own: str) -> str:
    """Where the machine is reached; a manager may not know its own address."""
    found: str = node["Status"].get("Addr", "")
    return own if node["Spec"]["Role"] == "manager" or found in ("", "0.0.0.0", "127.0.0.1") else found
