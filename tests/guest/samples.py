"""What Docker and JupyterHub say in the tests."""

import project  # noqa: F401  (sets the path)
from imagegen.jupyter import specification
from imagegen.jupyter.account import Account

GIB = 2**30
OPTIONS = {
    "image": None,
    "memory": GIB,
    "reserve": GIB // 2,
    "cpus": 1.5,
    "processes": 512,
    "on_hub": False,
    "homes": "/home",
    "shares": [["/share", False], ["/results", True]],
}
DIGEST = "sha256:" + "1" * 64
IMAGE = f"imagegen/notebook@{DIGEST}"


def account(name, uid=2001, groups=(3000,)):
    return Account(name, uid, uid, groups, f"/home/{name}")


def service(name="ada", uid=2001, **options):
    own = account(name, uid)
    return specification.service(own, IMAGE, ["jupyterhub-singleuser"], {"A": "b"}, {**OPTIONS, **options})


def node(name="node-1", image=IMAGE, state="ready", availability="active", role="worker", memory=4 * GIB):
    return {
        "ID": name,
        "Spec": {"Role": role, "Availability": availability},
        "Status": {"State": state, "Addr": "10.0.0.7"},
        "Description": {
            "Hostname": name,
            "Resources": {"MemoryBytes": memory, "NanoCPUs": 2 * 10**9},
            "Engine": {"Labels": {specification.LABEL: image}} if image else {},
        },
    }


def task(state="running", desired="running", created="2026-01-01T00:00:00Z", student="ada", on="node-1", **status):
    labels = {"imagegen.student": student} if student else {}
    return {
        "CreatedAt": created,
        "DesiredState": desired,
        "NodeID": on,
        "Spec": {"ContainerSpec": {"Labels": labels}},
        "Status": {"State": state, **status},
    }
