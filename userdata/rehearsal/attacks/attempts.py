# Comes before each of the programs beside it, whose attempts either get what they are after or are refused. Prints what
# became of each: `got` or `refused` with what was seen, or `broken` for an attempt that has a fault of its own.
import json
import traceback

ATTEMPTS = {}


class Refused(Exception):
    """The machine said no."""


def attempt(name):
    """Names a function that returns what it got, and raises Refused or OSError where it gets nothing."""

    def register(function):
        ATTEMPTS[name] = function
        return function

    return register


def outcome(function):
    try:
        return {"got": str(function())}
    except (Refused, OSError) as error:
        return {"refused": f"{type(error).__name__}: {error}"}
    except Exception:
        return {"broken": traceback.format_exc()}


def run_attempts():
    print(json.dumps({name: outcome(function) for name, function in ATTEMPTS.items()}))
