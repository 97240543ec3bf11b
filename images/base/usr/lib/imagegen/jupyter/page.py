"""The organiser's page: machines, students, room, and what is wrong."""
import asyncio
import contextlib
import json

import docker
from jupyterhub import __version__
from jupyterhub.handlers import BaseHandler
from jupyterhub.scopes import needs_scope
from tornado import web
from tornado.httpclient import AsyncHTTPClient, HTTPError

from imagegen.jupyter import disk, overview, settings
from imagegen.jupyter.tokens import Tokens

STATUS = "/run/imagegen/node-status.json"  # swarm.py writes it.


def last_words():
    try:
        with open(STATUS) as file:
            return json.load(file)
    except (OSError, ValueError):
        return {}


class WorkshopPage(BaseHandler):
    """At /hub/workshop, for admins."""

    tokens = Tokens()

    def initialize(self, options, own_address, classic, places):
        self.options, self.own_address, self.classic, self.places = options, own_address, classic, places

    @web.authenticated
    @needs_scope("admin-ui")
    async def get(self):
        students = dict(await asyncio.gather(*(self.student(user) for user in self.users.values() if user.active)))
        # With the classic engine, Docker's own API knows neither machines nor tasks.
        nodes, tasks, troubles = (None, [], []) if self.classic else await asyncio.get_running_loop().run_in_executor(None, self.swarm)
        found = overview.of(nodes, tasks, students, last_words(), self.options, self.own_address)
        found["troubles"] += [*troubles, *disk.troubles(self.places)]
        html = await self.render_template(
            "workshop.html", **found, metrics_token=settings.secret("IMAGEGEN_METRICS_TOKEN"), version=__version__
        )
        self.finish(html)

    def swarm(self):
        """Nodes, tasks, and what is wrong with Docker itself."""
        try:
            with contextlib.closing(docker.APIClient(version="auto")) as client:
                return client.nodes(), client.tasks(), []
        except docker.errors.APIError:
            return [], [], []  # There is no swarm yet.
        except (docker.errors.DockerException, OSError) as error:
            return [], [], [f"Docker on the hub does not answer: {error}."]

    async def student(self, user):
        spawner = user.spawners[""]
        started = spawner.orm_spawner.started
        return user.name, (f"{started:%H:%M}" if started else "", await self.memory(user, spawner))

    async def memory(self, user, spawner):
        """Bytes that the server's processes take, as it measures them itself; None where it does not say."""
        if not spawner.server:
            return None
        try:
            answer = await AsyncHTTPClient().fetch(
                f"{spawner.server.url}api/metrics/v1",
                headers={"Authorization": f"token {self.tokens.of(user)}"},
                request_timeout=3,
                follow_redirects=False,
            )
            return float(json.loads(answer.body)["rss"])
        except (HTTPError, OSError, ValueError, KeyError, TypeError):
            return None
