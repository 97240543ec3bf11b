"""How the classic engine is, by what its manager and its Consul say themselves."""

from __future__ import annotations

import enum
import http.client
import json
from typing import Any, NamedTuple

from imagegen.classic.containers import inspect

MANAGER_PORT, STORE_PORT = 4000, 8500
TIMEOUT = 10  # seconds; the manager answers /info at once, also without a leader, and blocks everything else then
# Of a machine that was rebuilt at the address of an earlier one (Swarm's cluster/engine.go). It is taken when the
# manager starts again, and not before.
REBUILT = "shows up with another ID"
NO_LEADER = "the manager has no leader"
Json = dict[str, Any]


class Cure(enum.Enum):
    """What helps where a fault lasts."""

    PATIENCE = "it passes"
    NEW_CONSUL = "Consul is replaced by a new one, and the manager started again"
    MANAGER_RESTART = "the manager is started again"


class Fault(NamedTuple):
    """What is wrong, in a sentence's beginning."""

    text: str
    cure: Cure = Cure.PATIENCE


def get(address: str, port: int, path: str) -> str:
    """What is answered; an OSError says that there is no answer, or none that helps."""
    connection = http.client.HTTPConnection(address, port, timeout=TIMEOUT)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        text = response.read().decode(errors="replace")
    except http.client.HTTPException as error:
        raise OSError(f"its answer breaks off: {error}") from error
    finally:
        connection.close()
    if response.status != http.HTTPStatus.OK:
        raise OSError(text.strip() or f"it answers with status {response.status}")
    return text


def pairs(info: Json) -> list[list[str]]:
    """What the manager says of itself and of its nodes, in `docker info`'s order. Older ones call it DriverStatus."""
    return info.get("SystemStatus") or info.get("DriverStatus") or []


def rows(info: Json) -> list[tuple[str, str]]:
    """The same without what the names begin with."""
    return [(key.strip(" \b└"), value) for key, value in pairs(info)]


def of_manager(info: Json) -> Fault | None:
    """What is wrong by the manager's own word."""
    said = rows(info)
    first = dict(reversed(said))  # A node may have rows of the same names, further down.
    if first.get("Role") == "replica" and not first.get("Primary"):
        return Fault(NO_LEADER, Cure.NEW_CONSUL)
    if first.get("Nodes", "0") == "0":
        return Fault("no node has joined yet")
    if any(REBUILT in text for key, text in said if key == "Error"):
        return Fault("a node was rebuilt at the address of an earlier one", Cure.MANAGER_RESTART)
    return None


def of_consul(own: str, name: str) -> Fault | None:
    """What is wrong with the key-value store. Without one the manager goes on from memory for a while."""
    container = inspect(name)
    if container and container["State"]["Restarting"]:
        return Fault("Consul ends as soon as it is started", Cure.NEW_CONSUL)
    try:
        leader = json.loads(get(own, STORE_PORT, "/v1/status/leader"))
    except (OSError, ValueError) as error:
        return Fault(f"Consul does not answer: {error}", Cure.NEW_CONSUL)
    return None if leader else Fault("Consul has no leader", Cure.NEW_CONSUL)


def fault(own: str, consul: str) -> Fault | None:
    """What is wrong now. The store comes first: what the manager says follows from it."""
    if found := of_consul(own, consul):
        return found
    try:
        return of_manager(json.loads(get("127.0.0.1", MANAGER_PORT, "/info")))
    except (OSError, ValueError) as error:
        return Fault(f"the manager does not answer: {error}", Cure.MANAGER_RESTART)
