"""What the scripts on a workshop's machines share."""
import json
import os
import socket
import sys


def say(text):
    """A sentence for the journal."""
    print(text, flush=True)


def announce(text):
    """A milestone or a failure: on the console too, which is all that Horizon's log tab shows."""
    say(text)
    try:
        with open("/dev/console", "w") as console:
            console.write(f"imagegen: {text}\r\n")
    except OSError:
        pass


def fail(text):
    announce(text)
    sys.exit(1)


def settings(path="/etc/imagegen/settings.json"):
    with open(path) as file:
        return json.load(file)


def route_source(address):
    """Our own address on the route towards another one; None where there is no route."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((address, 9))  # Nothing is sent: the kernel only looks up the route.
            return probe.getsockname()[0]
        except OSError:
            return None


def note_joined():
    """Gives the sentence to tell."""
    with open("/proc/uptime") as uptime:
        seconds = uptime.read().split()[0]
    os.makedirs("/run/imagegen", exist_ok=True)
    with open("/run/imagegen/joined", "w") as mark:
        mark.write(seconds + "\n")
    return f"This node has joined the workshop, {seconds} seconds after its kernel started."
