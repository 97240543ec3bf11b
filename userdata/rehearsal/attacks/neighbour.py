# ruff: noqa: F821 (attempts.py and nfs4.py come before it)
# What another machine on the workshop's network tries, whose root is anybody. Reads JSON: `hub` and its `homes`, a
# student's `uid`, `gid` and `file`, the file `handle` of the homes as a node has it, and the TCP `ports`, as [address,
# port], that no other machine may reach. The control is the same machine after somebody has let it in.
import socket
import subprocess
import sys
import tempfile

JOB = json.loads(sys.stdin.read())
TRIES, PATIENCE = 3, 4  # seconds


@attempt("mount the homes")
def mount():
    with tempfile.TemporaryDirectory() as folder:
        options = "vers=4.2,sec=sys,soft,timeo=100,retrans=1,retry=0"
        command = ["mount", "-t", "nfs4", "-o", options, f"{JOB['hub']}:{JOB['homes']}", folder]
        done = subprocess.run(command, stderr=subprocess.PIPE, timeout=200, check=False)
        if done.returncode:
            raise Refused(done.stderr.decode().strip())
        subprocess.run(["umount", "-l", folder], check=True)
    return f"{JOB['homes']} was mounted"


@attempt("read a student's file by a file handle")
def handle():
    client = Client(JOB["hub"], JOB["uid"], JOB["gid"])
    return client.read(bytes.fromhex(JOB["handle"]), JOB["file"])


def reach(address, port):
    for _ in range(TRIES):
        try:
            socket.create_connection((address, port), PATIENCE).close()
            return f"{address} answers"
        except OSError as error:
            refusal = error
    raise refusal


for address, port in JOB["ports"]:

    @attempt(f"reach TCP {port} of {address}")
    def listener(address=address, port=port):
        return reach(address, port)


run_attempts()
