"""The organiser's page: machines, students, room, and what is wrong."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING, Any, NamedTuple

from docker.api.client import APIClient
from docker.errors import APIError, DockerException
from jupyterhub import __version__
from jupyterhub.handlers import BaseHandler
from jupyterhub.scopes import needs_scope
from tornado import web
from tornado.httpclient import AsyncHTTPClient, HTTPError

from imagegen.classic import health
from imagegen.jupyter import classic_overview, disk, overview, usage
from imagegen.jupyter.tokens import Tokens

if TYPE_CHECKING:
    from imagegen.jupyter.specification import Json
    from imagegen.schema import Notebooks

DOCKER = "unix:///run/imagegen-broker.sock"  # hub/broker.py
STATUS = "/run/imagegen/node-status.json"  # hub/swarm.py writes it.
METRICS_TIMEOUT = 3  # seconds
MANAGER_TIMEOUT = 10  # seconds


def node_status(path: str = STATUS) -> dict[str, dict[str, object]]:
    """The last message of each node, by the node's name."""
    try:
        with open(path) as file:
            value: dict[str, dict[str, object]] = json.load(file)
            return value
    except (OSError, ValueError):
        return {}


def swarm_state() -> tuple[list[Json], list[Json], list[str]]:
    """Nodes, tasks, and what is wrong with Docker itself."""
    try:
        with contextlib.closing(APIClient(base_url=DOCKER, version="auto")) as client:
            return client.nodes(), client.tasks(), []
    except APIError:
        return [], [], []  # There is no swarm yet.
    except (DockerException, OSError) as error:
        return [], [], [f"Docker on the hub does not answer: {error}."]


def classic_state(url: str) -> tuple[Json, list[Json]]:
    """What the manager of the classic engine says, and all containers. Without a leader it would keep everything but
    the first question waiting."""
    with contextlib.closing(APIClient(base_url=url, version="1.24", timeout=MANAGER_TIMEOUT)) as client:
        info: Json = client.info()
        fault = health.of_manager(info)
        return info, [] if fault and fault.text == health.NO_LEADER else client.containers(all=True)


class Workshop(NamedTuple):
    """What the page knows of the workshop."""

    notebooks: Notebooks
    own_address: str
    classic: bool
    places: dict[str, str]  # folders on the hub's disks, by what is in them
    metrics_token: str


class WorkshopPage(BaseHandler):
    """At /hub/workshop, for admins."""

    tokens = Tokens()
    workshop: Workshop

    def initialize(self, workshop: Workshop) -> None:
        """Tornado calls it for each request, with what stands beside the handler's path."""
        self.workshop = workshop

    @web.authenticated
    @needs_scope("admin-ui")
    async def get(self) -> None:
        """The page."""
        active = (user for user in self.users.values() if user.active)
        running = dict(await asyncio.gather(*(self.student(user) for user in active)))
        found = await self.summary(running)
        found["warnings"] += disk.warnings(self.workshop.places)
        token = self.workshop.metrics_token
        more = {"usage": usage.stored, "metrics_token": token, "version": __version__}
        html = await self.render_template("workshop.html", **found, **more)
        self.finish(html)

    async def summary(self, running: dict[str, overview.Running]) -> overview.Overview:
        """What Docker says of the machines, with the students' servers."""
        if self.workshop.classic:
            return await self.classic_summary(running)
        nodes, tasks, faults = await asyncio.get_running_loop().run_in_executor(None, swarm_state)
        options, own_address = self.workshop.notebooks, self.workshop.own_address
        found = overview.summarise(nodes, tasks, running, node_status(), options, own_address)
        found["warnings"] += faults
        return found

    async def classic_summary(self, running: dict[str, overview.Running]) -> overview.Overview:
        """What the manager says of the machines."""
        url = f"tcp://{self.workshop.own_address}:{health.MANAGER_PORT}"
        try:
            state = await asyncio.get_running_loop().run_in_executor(None, classic_state, url)
        except (DockerException, OSError) as error:
            found = overview.students_only(running)
            found["warnings"].append(f"The manager does not answer: {error}.")
            return found
        return classic_overview.summarise(*state, running, self.workshop.notebooks)

    async def student(self, user: Any) -> tuple[str, overview.Running]:
        """A student's name, since when the server runs, and its memory."""
        spawner = user.spawners[""]
        started = spawner.orm_spawner.started
        return user.name, (f"{started:%H:%M}" if started else "", await self.memory(user, spawner))

    async def memory(self, user: Any, spawner: Any) -> float | None:
        """Bytes that the server's processes take, as the server measures them; None if it does not say."""
        if not spawner.server:
            return None
        try:
            answer = await AsyncHTTPClient().fetch(
                f"{spawner.server.url}api/metrics/v1",
                headers={"Authorization": f"token {self.tokens.of(user)}"},
                request_timeout=METRICS_TIMEOUT,
                follow_redirects=False,
            )
            return float(json.loads(answer.body)["rss"])
        except (HTTPError, OSError, ValueError, KeyError, TypeError):
            return None
