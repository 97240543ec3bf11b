"""What JupyterHub may ask of Docker, and what it is told. Nothing here talks to Docker.

A call is recognised by its whole path, and the broker makes one of its own; a requested service is compared with the
one that belongs to the student, and that one is created."""

from __future__ import annotations

import json
import re
import urllib.parse
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from imagegen.jupyter import specification
from imagegen.jupyter.specification import STUDENT, WORKSHOP, Json

if TYPE_CHECKING:
    from imagegen.jupyter.account import Account
    from imagegen.schema import Notebooks

NAME = r"notebook-[a-z0-9-]{1,20}"
# docker-py puts the version of the API before each path but that of `/version`.
ROUTES = [
    (method, re.compile(rf"(?:/v1\.[0-9]{{2}})?{path}", re.ASCII), kind)
    for method, path, kind in (
        ("GET", "/version", "version"),
        ("GET", "/nodes", "nodes"),
        ("GET", "/nodes/([a-z0-9]{25})", "node"),
        ("GET", "/tasks", "tasks"),
        ("GET", f"/services/({NAME})", "service"),
        ("DELETE", f"/services/({NAME})", "remove"),
        ("POST", "/services/create", "create"),
    )
]
# The two questions about tasks: those of a service, and those of one that is removed, by the beginning of their names.
FILTERS = {"service": re.compile(NAME), "name": re.compile(rf"{NAME}\.")}
DOCKER_ID = re.compile(r"[a-z0-9]{25}")

COMMAND = "jupyterhub-singleuser"
IMAGE = re.compile(r"[a-z0-9][A-Za-z0-9._/:@-]{0,400}")
CARRIED_IMAGE = re.compile(r"[a-z0-9][a-z0-9._/-]{0,200}@sha256:[0-9a-f]{64}")
# What JupyterHub says to a server, and what the specification adds.
VARIABLE = re.compile(
    r"(?:JUPYTER(?:HUB)?_[A-Z_]{1,60}|JPY_API_TOKEN|(?:MEM|CPU)_(?:LIMIT|GUARANTEE)|TZ|HOME|USER|LOGNAME"
    r"|NB_(?:USER|UID|GID)|IMAGEGEN_NODE)"
)
MOST_VARIABLES, MOST_ARGUMENTS, LONGEST_TEXT = 64, 16, 4096
# Accounts of people; those of the system are below (Debian's policy, 9.2.2).
FIRST_UID = 1000

# What is told of each object: all below a name with None.
Shape = Mapping[str, "Shape | None"]
VERSION: Shape = dict.fromkeys(("Version", "ApiVersion", "MinAPIVersion"))
NODE: Shape = {
    "ID": None,
    "Spec": {"Role": None, "Availability": None},
    "Status": {"State": None, "Addr": None, "Message": None},
    "Description": {
        "Hostname": None,
        "Resources": {"NanoCPUs": None, "MemoryBytes": None},
        "Engine": {"EngineVersion": None, "Labels": None},
    },
}
TASK: Shape = {
    **dict.fromkeys(("ID", "CreatedAt", "UpdatedAt", "DesiredState", "NodeID", "ServiceID", "Slot")),
    "Status": dict.fromkeys(("Timestamp", "State", "Message", "Err", "PortStatus")),
    "Spec": {"ContainerSpec": {"Image": None, "Labels": None}},
}
SERVICE: Shape = {
    **dict.fromkeys(("ID", "CreatedAt", "UpdatedAt")),
    "Spec": {"Name": None, "Labels": None},
}
CREATED: Shape = {"ID": None}


class Refusal(Exception):
    """Why a call is not made."""


class Call(NamedTuple):
    """A call that JupyterHub may make; what it is about, if that is an object or a question about tasks."""

    kind: str
    about: str


class Rules(NamedTuple):
    """What decides on new services."""

    workshop: str  # its id
    notebooks: Notebooks
    find: Callable[[str], Account | None]  # an account of the workshop


def recognised(method: str, target: str) -> Call:
    """The call that a request makes."""
    path, mark, query = target.partition("?")
    for known, pattern, kind in ROUTES:
        if method == known and (match := pattern.fullmatch(path)):
            about = match[1] if pattern.groups else ""
            if mark and kind != "tasks":
                raise Refusal("this call takes no query")
            return Call(kind, question(query) if query else about)
    raise Refusal("this call is not one of JupyterHub's")


def question(query: str) -> str:
    """The query of a question about tasks, encoded by the broker itself."""
    try:
        pairs = urllib.parse.parse_qsl(query, strict_parsing=True, max_num_fields=1)
        (name, text), *_ = pairs
        asked = json.loads(text)
        ((kind, (value,)),) = asked.items()
        if name == "filters" and FILTERS[kind].fullmatch(value):
            return urllib.parse.urlencode({"filters": json.dumps({kind: [value]})})
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        pass
    raise Refusal("this question about tasks is not one of JupyterHub's")


def decoded(body: bytes) -> Json:
    """A mapping in JSON."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise Refusal("the service is not JSON") from None
    if not isinstance(value, dict):
        raise Refusal("the service is not a mapping")
    return value


def at(value: Any, *path: str) -> Any:
    """What is under these keys; None where nothing is."""
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def to_create(body: Json, images: Collection[str], rules: Rules) -> Json:
    """The service that is made for the student whom the request names, if the request asks for exactly that one."""
    name = at(body, "Labels", STUDENT)
    account = rules.find(name) if isinstance(name, str) else None
    if account is None:
        raise Refusal("the service is for nobody of the workshop")
    if account.uid < FIRST_UID or 0 in (account.gid, *account.groups):
        raise Refusal("the service is for an account of the system")
    container = at(body, "TaskTemplate", "ContainerSpec")
    image = judge_image(at(container, "Image"), images)
    command = judge_command(at(container, "Args"))
    given = judge_environment(at(container, "Env"))
    wanted = request(specification.service(account, image, command, given, rules.notebooks))
    if not same(body, wanted):
        raise Refusal("the service is not what the workshop's settings make for this student")
    wanted["Labels"][WORKSHOP] = wanted["TaskTemplate"]["ContainerSpec"]["Labels"][WORKSHOP] = rules.workshop
    return wanted


def request(arguments: Json) -> Json:
    """docker-py's arguments as Docker's API names them."""
    names = {"name": "Name", "labels": "Labels", "task_template": "TaskTemplate", "endpoint_spec": "EndpointSpec"}
    return {names[key]: value for key, value in arguments.items()}


def same(one: object, other: object) -> bool:
    """Whether both are the same JSON; to Python, 1 and true are equal."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def judge_image(image: object, images: Collection[str]) -> str:
    """One that the workshop or a machine names."""
    if not isinstance(image, str) or image not in images or not IMAGE.fullmatch(image):
        raise Refusal("neither the workshop nor a machine has this image")
    return image


def judge_command(words: object) -> list[str]:
    """The server's own program."""
    if not isinstance(words, list) or words[:1] != [COMMAND] or len(words) > MOST_ARGUMENTS:
        raise Refusal("the command is not that of a server")
    return [judge_text(word) for word in words]


def judge_environment(pairs: object) -> dict[str, str]:
    """Variables of JupyterHub and of the account, which the specification overrides."""
    if not isinstance(pairs, list) or len(pairs) > MOST_VARIABLES:
        raise Refusal("the environment is not a list, or too long")
    given: dict[str, str] = {}
    for pair in pairs:
        name, _, value = (pair if isinstance(pair, str) else "").partition("=")
        if not VARIABLE.fullmatch(name):
            raise Refusal("a server gets no such variable")
        # The specification gives this one itself, and no other is a template of Docker's.
        if name != "IMAGEGEN_NODE":
            given[name] = judge_text(value)
    return given


def judge_text(text: object) -> str:
    """A text that Docker takes as it is."""
    if not isinstance(text, str) or len(text) > LONGEST_TEXT or "{{" in text or "\0" in text:
        raise Refusal("a text is too long, or a template")
    return text


def images(nodes: Collection[Json], notebooks: Notebooks) -> set[str]:
    """Those that servers may be started from."""
    if notebooks["image"]:
        return {notebooks["image"]}
    said = {specification.engine_labels(node).get(specification.LABEL, "") for node in nodes}
    return {image for image in said if CARRIED_IMAGE.fullmatch(image)}


def is_ours(labels: object, workshop: str) -> bool:
    """Whether a service or a container is one that the broker has made."""
    return isinstance(labels, dict) and labels.get(WORKSHOP) == workshop and STUDENT in labels


def told(value: Any, shape: Shape) -> Json:
    """Of an object, what its shape names."""
    found: Json = {}
    for name, inner in shape.items():
        if isinstance(value, dict) and name in value:
            found[name] = value[name] if inner is None else told(value[name], inner)
    return found
