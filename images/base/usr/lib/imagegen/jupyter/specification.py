"""What Docker is told about a student's server. Nothing here talks to Docker or JupyterHub."""

PORT = 8888
# Who runs `docker-stacks` images as somebody else needs their group to write to the environment.
STACKS_GROUP = 100
# A node says with it which notebook image it has, and with `-digest` after it the digest alone: a swarm's constraints cannot
# name what has an `@` in it.
LABEL = "imagegen.notebook"
# Seconds until a server that does not end by itself is killed.
GRACE = 10
# Answers in place of the names that are nobody's on the machine: `whoami` and Python's getpass look here.
ACCOUNT_FILES = ("/etc/passwd", "/etc/group")


def service_name(account):
    """By number: a name may hold dots, and may be longer than what Docker takes."""
    return f"notebook-{account.uid}"


def environment(account, given):
    """The server's environment. What it notes while it runs stays out of the home, where another node would find it."""
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


def homes(account, options):
    """The folder of the account's home as the machines see it, and where the container has it."""
    return f"{options['homes']}/{account.name}", account.home


def groups(account):
    return [str(gid) for gid in dict.fromkeys((*account.groups, STACKS_GROUP))]


def mounts(account, options):
    source, target = homes(account, options)
    bind = {"Type": "bind", "BindOptions": {"Propagation": "rslave"}}
    found = [{**bind, "Source": source, "Target": target}]
    found += [{**bind, "Source": path, "Target": path, "ReadOnly": not writable} for path, writable in options["shares"]]
    found += [{"Type": "bind", "Source": path, "Target": path, "ReadOnly": True} for path in ACCOUNT_FILES]
    # PyTorch and others share memory by files there, and Docker's own are of 64 MB.
    found.append({"Type": "tmpfs", "Target": "/dev/shm", "TmpfsOptions": {"SizeBytes": options["memory"] // 2}})
    return found


def constraints(image, options):
    """Which machines may run the server: not the hub, unless that is asked for, and none without the image."""
    found = [] if options["on_hub"] else ["node.role==worker"]
    if not options["image"]:
        found.append(f"engine.labels.{LABEL}-digest=={image.partition('@')[2]}")
    return found


def service(account, image, command, given, options):
    """The arguments of docker-py's `create_service`: one task, on the port that its machine chooses."""
    limits = {"MemoryBytes": options["memory"], "Pids": options["processes"]}
    if options["cpus"]:
        limits["NanoCPUs"] = int(options["cpus"] * 1e9)
    container = {
        "Image": image,
        "Args": list(command),
        "Env": environment(account, {**given, "IMAGEGEN_NODE": "{{.Node.Hostname}}"}),  # Docker fills it in.
        "User": f"{account.uid}:{account.gid}",
        "Groups": groups(account),
        "Dir": account.home,
        "Mounts": mounts(account, options),
        "CapabilityDrop": ["ALL"],
        "Privileges": {"NoNewPrivileges": True},
        # The hub asks the server itself whether it is well; an image's own check would start a Python every 3 seconds.
        "Healthcheck": {"Test": ["NONE"]},
        "StopGracePeriod": GRACE * 10**9,
        "Labels": {"imagegen.student": account.name},
    }
    task = {
        "ContainerSpec": container,
        "Resources": {"Limits": limits, "Reservations": {"MemoryBytes": options["reserve"]}},
        # A kernel does not survive its server. The student starts a new one, and knows.
        "RestartPolicy": {"Condition": "none"},
        "Placement": {"Constraints": constraints(image, options)},
        "Networks": [],
    }
    # In host mode no overlay network is between hub and server, and each machine chooses a free port.
    ports = [{"Protocol": "tcp", "TargetPort": PORT, "PublishMode": "host"}]
    return {
        "task_template": task,
        "name": service_name(account),
        "labels": {"imagegen.student": account.name},
        "endpoint_spec": {"Ports": ports},
    }


def container(account, options):
    """For the classic engine: what dockerspawner is to add to a container, and to its host."""
    source, target = homes(account, options)
    binds = {source: {"bind": target, "mode": "rw"}}
    binds |= {path: {"bind": path, "mode": "rw" if writable else "ro"} for path, writable in options["shares"]}
    binds |= {path: {"bind": path, "mode": "ro"} for path in ACCOUNT_FILES}
    create = {
        "user": f"{account.uid}:{account.gid}",
        "working_dir": account.home,
        "healthcheck": {"test": ["NONE"]},
        "labels": {"imagegen.student": account.name},
        "stop_timeout": GRACE,
    }
    host = {
        "binds": binds,
        "mem_limit": options["memory"],
        "pids_limit": options["processes"],
        "group_add": groups(account),
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges"],
        "shm_size": options["memory"] // 2,
    }
    if options["cpus"]:
        host["nano_cpus"] = int(options["cpus"] * 1e9)
    return create, host


ALIVE = frozenset({"new", "allocated", "pending", "assigned", "accepted", "preparing", "ready", "starting", "running"})


def is_alive(task):
    """A task of a lost machine goes on saying that it runs; that it is no longer wanted tells it apart."""
    return task["DesiredState"] in ("running", "ready") and task["Status"]["State"] in ALIVE


def current(tasks):
    """The task that counts: the newest one alive, or the newest."""
    pool = [task for task in tasks if is_alive(task)] or tasks
    return max(pool, key=lambda task: task["CreatedAt"], default=None)


def published_port(task):
    ports = (task["Status"].get("PortStatus") or {}).get("Ports") or []
    return next((each["PublishedPort"] for each in ports if each.get("TargetPort") == PORT and each.get("PublishMode") == "host"), None)


def image_of(nodes, options):
    """The image to run: the organiser's, or the one that most machines have; None where none has one."""
    if options["image"]:
        return options["image"]
    found = [labels[LABEL] for node in nodes if is_ready(node) and LABEL in (labels := engine_labels(node))]
    return max(sorted(set(found)), key=found.count, default=None)


def engine_labels(node):
    return node["Description"].get("Engine", {}).get("Labels") or {}


def is_ready(node):
    return node["Status"]["State"] == "ready" and node["Spec"]["Availability"] == "active"


def processors(nodes, options):
    """How many all machines together have that servers can start on, and one at least."""
    usable = [node for node in nodes if is_ready(node) and (options["on_hub"] or node["Spec"]["Role"] == "worker")]
    return max(1, sum(node["Description"]["Resources"]["NanoCPUs"] // 10**9 for node in usable))


def address(node, own):
    """Where the machine is reached; a manager may not know its own address."""
    found = node["Status"].get("Addr", "")
    return own if node["Spec"]["Role"] == "manager" or found in ("", "0.0.0.0", "127.0.0.1") else found
