"""Makes this node a worker of the hub's swarm, and keeps it one."""
import hashlib
import http.client
import json
import random
import socket
import ssl
import time

from common import announce, note_joined, route_source, say, settings
from dockerd import DockerError, docker

PATIENCE = 60  # seconds for a join that Docker goes on with by itself
word = "This node is starting."


class Away(Exception):
    """The hub gave no join token, and why."""


def waits(longest=30):
    """Seconds to wait between tries: doubling, and jittered so that many nodes do not ask all at once."""
    base = 1.0
    while True:
        yield base * random.uniform(0.5, 1.0)
        base = min(base * 2, longest)


def tell(text):
    """Once, and for the organiser's page too, with the next question to the hub."""
    global word
    text = " ".join(text.encode("ascii", "replace").decode().split())
    if text != word:
        word = text
        announce(text)


def ask(config):
    """The hub's answer. Its certificate is pinned by SHA-256: no other machine can answer, or learn the key."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # The pin is what is verified.
    connection = http.client.HTTPSConnection(config["hub"], 7443, timeout=20, context=context)
    try:
        connection.connect()
        if hashlib.sha256(connection.sock.getpeercert(True)).hexdigest() != config["hub_certificate"]:
            raise ssl.SSLError("its certificate is not the workshop's")
        headers = {"Authorization": f"Bearer {config['join_key']}", "Last-Word": f"{socket.gethostname()} {word}"}
        connection.request("GET", "/v1/join", headers=headers)
        response = connection.getresponse()
        text = response.read()
    except (OSError, http.client.HTTPException) as error:
        raise Away(f"the hub at {config['hub']} does not answer ({error})") from error
    finally:
        connection.close()
    if response.status != 200:
        raise Away(f"the hub at {config['hub']} answers: {text.decode(errors='replace').strip()}")
    return json.loads(text)


def join(config, answer):
    own = route_source(config["hub"])
    if own is None:
        raise DockerError(f"there is no route to the hub at {config['hub']}")
    request = {"ListenAddr": f"{own}:2377", "AdvertiseAddr": own}
    request |= {"RemoteAddrs": [answer["manager"]], "JoinToken": answer["token"]}
    docker("POST", "/swarm/join", request)


def settled():
    """Docker's own state in the swarm, once it has stopped trying by itself."""
    deadline = time.monotonic() + PATIENCE
    while True:
        state = docker("GET", "/info")["Swarm"]
        if state["LocalNodeState"] != "pending" or time.monotonic() > deadline:
            return state
        time.sleep(2)


def enter(config):
    """Joins, from whatever state the node is in."""
    answer = ask(config)
    if settled()["LocalNodeState"] != "inactive":
        docker("POST", "/swarm/leave?force=1")
    trouble = "Docker does not say why"
    try:
        join(config, answer)
    except DockerError as error:
        trouble = str(error)  # It may say that it goes on trying.
    if settled()["LocalNodeState"] == "active":
        tell(note_joined())
    else:
        tell(f"Joining the swarm failed: {trouble}")


def watch(config):
    """Returns when the node does not belong to the hub's swarm any more; three answers in a row must say so."""
    doubts = 0
    while doubts < 3:
        state = settled()
        if state["LocalNodeState"] != "active":
            return
        try:
            doubts = 0 if state["NodeID"] in ask(config)["nodes"] else doubts + 1
            if not doubts and "has joined" not in word:
                tell(note_joined())
        except Away as away:
            say(f"{away}; this node stays in the swarm.")
        time.sleep(10 if doubts else 60)
    tell("The hub does not know this node any more: joining again.")


def main():
    config = settings()
    for pause in waits():
        try:
            watch(config)
            time.sleep(pause)
            enter(config)
        except Away as away:
            tell(f"Waiting for the hub: {away}.")
        except DockerError as error:
            tell(f"Docker is not right yet: {error}")
            time.sleep(pause)


if __name__ == "__main__":
    main()
