"""Makes this node a worker of the hub's swarm, and keeps it one."""
import hashlib
import http.client
import json
import os
import random
import ssl
import time

from common import DockerError, announce, docker, fail, route_source, say, settings

ROOT_CA = "/var/lib/docker/swarm/certificates/swarm-root-ca.crt"
CERTIFICATE = "/etc/imagegen/hub.crt"
LONGEST_WAIT = 30  # seconds between questions to a hub that is away
PATIENCE = 60  # seconds for a join that Docker goes on with by itself
DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


class Away(Exception):
    """The hub gave no join token, and why."""


def ca_digest(certificate):
    """What stands in every join token of the swarm whose root certificate this is: its SHA-256 in 50 digits of base 36."""
    number = int.from_bytes(hashlib.sha256(certificate).digest(), "big")
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = DIGITS[digit] + digits
    return digits.rjust(50, "0")


def waits(longest=LONGEST_WAIT):
    """Seconds to wait between tries: doubling, and jittered so that many nodes do not ask all at once."""
    base = 1.0
    while True:
        yield base * random.uniform(0.5, 1.0)
        base = min(base * 2, longest)


def belongs(answer, certificate, node_id):
    """Whether the swarm that this node is in is the hub's, and the hub knows the node."""
    same_swarm = certificate is not None and answer["token"].split("-")[2] == ca_digest(certificate)
    return same_swarm and node_id in answer["nodes"]


class Rendezvous(http.client.HTTPConnection):
    """The hub's certificate is pinned: no other machine can answer, or learn the key."""

    def __init__(self, config):
        super().__init__(config["hub"], 7443, timeout=20)
        self.name = config["hub_name"]

    def connect(self):
        super().connect()
        context = ssl.create_default_context(cafile=CERTIFICATE)
        self.sock = context.wrap_socket(self.sock, server_hostname=self.name)


def ask(config):
    """The hub's answer."""
    connection = Rendezvous(config)
    try:
        connection.request("GET", "/v1/join", headers={"Authorization": f"Bearer {config['join_key']}"})
        response = connection.getresponse()
        text = response.read()
    except (OSError, http.client.HTTPException) as error:
        raise Away(f"the hub at {config['hub']} does not answer ({error})") from error
    finally:
        connection.close()
    if response.status != 200:
        raise Away(f"the hub at {config['hub']} answers: {text.decode(errors='replace').strip()}")
    return json.loads(text)


def ask_until_answered(config):
    said = None
    for wait in waits():
        try:
            return ask(config)
        except Away as away:
            if str(away) != said:
                said = str(away)
                announce(f"Waiting for the hub: {said}.")
            time.sleep(wait)


def root_certificate():
    try:
        with open(ROOT_CA, "rb") as file:
            return file.read()
    except OSError:
        return None


def swarm():
    return docker("GET", "/info")["Swarm"]


def leave():
    docker("POST", "/swarm/leave?force=1")


def join(config, answer):
    own = route_source(config["hub"])
    if own is None:
        raise DockerError(f"there is no route to the hub at {config['hub']}")
    docker(
        "POST",
        "/swarm/join",
        {
            "ListenAddr": f"{own}:2377",
            "AdvertiseAddr": own,
            "RemoteAddrs": [answer["manager"]],
            "JoinToken": answer["token"],
        },
    )


def settled():
    """The state once Docker has stopped trying by itself."""
    deadline = time.monotonic() + PATIENCE
    while True:
        state = swarm()
        if state["LocalNodeState"] != "pending" or time.monotonic() > deadline:
            return state
        time.sleep(2)


def enter(config):
    """Joins, from whatever state the node is in."""
    if swarm()["LocalNodeState"] != "inactive":
        leave()
    trouble = "Docker does not say why"
    try:
        join(config, ask_until_answered(config))
    except DockerError as error:
        trouble = str(error)  # It may say that it goes on trying.
    if settled()["LocalNodeState"] != "active":
        announce(f"Joining the swarm failed: {trouble}")
        return False
    with open("/proc/uptime") as uptime:
        seconds = uptime.read().split()[0]
    os.makedirs("/run/imagegen", exist_ok=True)
    with open("/run/imagegen/joined", "w") as mark:
        mark.write(seconds + "\n")
    announce(f"This node has joined the workshop, {seconds} seconds after its kernel started.")
    return True


def watch(config):
    """Returns when the node does not belong to the hub's swarm any more; three answers in a row must say so."""
    doubts = 0
    while doubts < 3:
        state = settled()
        if state["LocalNodeState"] != "active":
            say(f"Docker says that this node is {state['LocalNodeState']}.")
            return
        try:
            doubts = 0 if belongs(ask(config), root_certificate(), state["NodeID"]) else doubts + 1
        except Away as away:
            say(f"{away}; this node stays in the swarm.")
        time.sleep(60 if doubts == 0 else 10)
    announce("The hub does not know this node any more: joining again.")


def main():
    config = settings()
    if not os.path.exists(CERTIFICATE):
        fail(f"{CERTIFICATE} is missing: paste the whole user-data.")
    pauses = waits()
    if swarm()["LocalNodeState"] in ("active", "pending"):
        watch(config)
    while True:
        if enter(config):
            pauses = waits()
            watch(config)
        else:
            time.sleep(next(pauses))


if __name__ == "__main__":
    main()
