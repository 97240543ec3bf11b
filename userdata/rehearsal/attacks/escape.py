# ruff: noqa: F821 (attempts.py and nfs4.py come before it)
# What a node tries that somebody has taken over: to leave the homes' file system by a file handle of its own making.
# Reads JSON: `hub`, the `export` that the node may mount, and a `target` that no export has, with the `gid` that may
# read it. The control is an export of a folder on the target's own file system.
import sys

JOB = json.loads(sys.stdin.read())
NOBODY = 65534


@attempt(f"read {JOB['target']} of the hub by a forged file handle")
def escape():
    client = Client(JOB["hub"], NOBODY, JOB["gid"])
    root = forged(client.handle_of(JOB["export"]), ROOT_INODE)
    return f"{len(client.read(root, JOB['target']))} bytes"


run_attempts()
