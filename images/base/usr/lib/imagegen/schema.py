"""The shape of `settings.json`, for readers and type checkers: nothing imports it at run time."""

from typing import Literal, TypedDict


class ClassicImages(TypedDict):
    """The container images of the classic engine."""

    consul: str
    swarm: str


class Notebooks(TypedDict):
    """What a student's server gets. Memory is in bytes."""

    image: str | None
    memory: int
    reserve: int
    cpus: float | None
    processes: int
    idle_minutes: int
    start_seconds: int
    on_hub: bool
    homes: str
    shares: list[tuple[str, bool]]


class Name(TypedDict):
    """Under which public name the page is reached, if it has one."""

    domain: str | None
    email: str | None


class Web(Name, total=False):
    """How the page is reached. What the workshop does not say is not there."""

    subdomains: bool  # whether each student's server has a host name of its own
    certificate: bool  # whether page.crt is one that the organiser has for these names


class Material(TypedDict):
    """Something to fetch for the students."""

    kind: Literal["git", "archive"]
    url: str
    name: str
    ref: str | None
    sha256: str | None
    into: Literal["homes", "share"]


class Page(TypedDict):
    """What JupyterHub and the services beside it read."""

    admins: list[str]
    notebooks: Notebooks
    web: Web
    materials: list[Material]
    timezone: str | None


class Settings(TypedDict, total=False):
    """`settings.json`. A key that a role, an engine or a workshop has no use for is not there."""

    level: int
    role: Literal["hub", "node"]
    engine: Literal["swarm", "classic"]
    workshop: str
    workshop_id: str
    stock: bool
    security_updates: bool
    homes: str
    mtu_auto: bool
    reachable: list[str]
    scratch: int  # bytes that a student may store on this machine; 0 for no limit
    network: str
    notebook_image: str
    images: ClassicImages
    join_key: str
    homes_tls: bool  # whether homes travel over TLS
    # Of nodes.
    hub: str
    hub_certificate: str
    # Of hubs.
    hub_ip: str | None
    volume: str | None
    adopt: bool
    quota: int  # bytes for each student; 0 for no limit
    shares: list[tuple[str, bool]]
    links: dict[str, str]
    on_hub: bool
    users_sha256: str
    page: Page
