"""The organiser's page: machines, students, room, and what is wrong."""
import asyncio
import json

import docker
from jupyterhub import __version__
from jupyterhub.handlers import BaseHandler
from jupyterhub.scopes import needs_scope
from tornado import web
from tornado.httpclient import AsyncHTTPClient, HTTPError

from . import disk, overview, settings

WORDS = "/run/imagegen/words.json"  # swarm.py writes it.


def last_words():
    try:
        with open(WORDS) as file:
            return json.load(file)
    except (OSError, ValueError):
        return {}


class WorkshopPage(BaseHandler):
    """At /hub/workshop, for admins."""

    def initialize(self, options, own_address, classic, places):
        self.options, self.own_address, self.classic, self.places = options, own_address, classic, places

    @web.authenticated
    @needs_scope("admin-ui")
    async def get(self):
        students = dict(await asyncio.gather(*(self.student(user) for user in self.users.values() if user.active)))
        # With the classic engine, Docker's own API knows neither machines nor tasks.
        nodes, tasks = (None, []) if self.classic else await asyncio.get_running_loop().run_in_executor(None, self.swarm)
        found = overview.of(nodes, tasks, students, last_words(), self.options, self.own_address)
        found["troubles"] += disk.troubles(self.places)
        html = await self.render_template(
            "workshop.html", **found, metrics_token=settings.secret("IMAGEGEN_METRICS_TOKEN"), version=__version__
        )
        self.finish(html)

    def swarm(self):
        client = docker.APIClient(version="auto")
        try:
            return client.nodes(), client.tasks()
        except docker.errors.APIError:
            return [], []  # There is no swarm yet.
        finally:
            client.close()

    async def student(self, user):
        spawner = user.spawners[""]
        started = spawner.orm_spawner.started
        return user.name, (f"{started:%H:%M}" if started else "", await self.memory(spawner))

    async def memory(self, spawner):
        """Bytes that the server's processes take, as it measures them itself; None where it does not say."""
        if not spawner.server:
            return None
        token = settings.secret("IMAGEGEN_PAGE_TOKEN")
        try:
            answer = await AsyncHTTPClient().fetch(
                f"{spawner.server.url}api/metrics/v1", headers={"Authorization": f"token {token}"}, request_timeout=3
            )
            return json.loads(answer.body)["rss"]
        except (HTTPError, OSError, ValueError, KeyError):
            return None
