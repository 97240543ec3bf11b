"""Where students' servers run: as services of the swarm, or as containers of the classic engine."""
import asyncio
import time

from docker.errors import APIError, DockerException
from dockerspawner import DockerSpawner, SwarmSpawner
from jupyterhub import __version__
from jupyterhub.spawner import SpawnException
from tornado.httpclient import AsyncHTTPClient, HTTPError
from traitlets import Dict, Integer, Unicode
from traitlets.config import LoggingConfigurable

from imagegen.jupyter import settings, specification, words
from imagegen.jupyter.turns import Turns


# Seconds for which Docker may say nothing before that is an answer.
DOCKER_PATIENCE = 180


def pause(begun):
    """Seconds to the next look at what began at a monotonic time: a tenth of the wait so far, so that a class that waits
    does not keep the hub from what it waits for."""
    return min(max(0.3, (time.monotonic() - begun) / 10), 3)


class Workshop(LoggingConfigurable):
    """What both engines have in common."""

    options = Dict(config=True, help="The section `notebooks` of the hub's settings")
    own_address = Unicode(config=True, help="The hub's address in the workshop's network")
    patience = Integer(90, config=True, help="Seconds for which a student waits for room or for a machine")

    def _object_name_default(self):
        """Also for somebody who is in the hub's database and no more in the workshop."""
        try:
            return specification.service_name(settings.account(self.user.name))
        except KeyError:
            return "notebook-of-nobody"

    def account(self):
        try:
            return settings.account(self.user.name)
        except KeyError:
            self.give_up(words.not_listed(self.user.name))

    def give_up(self, trouble):
        self.log.warning(trouble.organiser)
        raise SpawnException(trouble.student, reason=trouble.reason, log_message=trouble.organiser)

    async def check_version(self, url):
        """Waits until the server answers, and looks whether it is of the hub's kind."""
        have = await self.answered(f"{url}/api")
        if have.split(".")[0] != __version__.split(".")[0]:
            await self.stop()
            self.give_up(words.wrong_version(self.user.name, have, __version__))

    async def answered(self, url):
        client = AsyncHTTPClient()
        begun = time.monotonic()
        while True:
            if (ended := await self.poll()) is not None:
                self.give_up(words.of_task(self.user.name, {"State": "failed", "Err": str(ended)}))
            try:
                # A student's own program must not send the hub anywhere else.
                response = await client.fetch(url, raise_error=False, request_timeout=10, follow_redirects=False)
                if response.code < 500:
                    return response.headers.get("X-JupyterHub-Version", "")
            except (OSError, HTTPError):
                pass  # It does not listen yet, or is too busy starting to answer.
            await asyncio.sleep(pause(begun))


class SwarmNotebooks(Workshop, SwarmSpawner):
    """A service of one task for each student, reached at the port that its machine chose."""

    word = ""
    turns = Turns()

    async def start(self):
        try:
            with self.turns.standing(self):
                return await self.start_in_turn()
        except (DockerException, OSError) as error:
            self.give_up(words.no_docker(self.user.name, error))

    async def start_in_turn(self):
        account = self.account()
        if await self.get_object() is not None:
            await self.stop()
        image = await self.image_to_run(time.monotonic())
        await self.turn()
        try:
            async with asyncio.timeout(self.options["start_seconds"]):
                return await self.place(account, image)
        except TimeoutError:
            await self.stop()
            self.give_up(words.too_slow(self.user.name, self.options["start_seconds"]))

    async def turn(self):
        while ahead := self.turns.ahead(self):
            self.word = words.turn(ahead)
            await asyncio.sleep(0.5)

    async def place(self, account, image):
        begun = time.monotonic()
        command = await self.get_command()
        request = specification.service(account, image, command, self.get_env(), self.options)
        self.object_id = (await self.docker("create_service", **request))["ID"]
        await self.until_running(begun)
        url = await self.get_url()
        await self.check_version(url.rstrip("/"))
        return await self.get_ip_and_port()

    async def get_command(self):
        return [*self.cmd, *self.get_args()]

    async def image_to_run(self, begun):
        while True:
            nodes = await self.docker("nodes")
            self.turns.room = specification.processors(nodes, self.options)
            image = specification.image_of(nodes, self.options)
            if image:
                return image
            await self.wait_for(words.no_machine(self.user.name), begun)

    async def until_running(self, begun):
        while True:
            task = await self.get_task()
            if task and task["Status"]["State"] == "running" and specification.published_port(task):
                return
            trouble = task and words.of_task(self.user.name, task["Status"])
            await self.wait_for(trouble, begun)

    async def wait_for(self, trouble, begun):
        """Goes on for as long as waiting may help."""
        waited = time.monotonic() - begun
        if trouble and (not trouble.may_pass or waited > self.patience):
            await self.stop()
            self.give_up(trouble)
        self.word = trouble.student if trouble else words.slow(waited)
        await asyncio.sleep(pause(begun))

    async def progress(self):
        """What the page says while a student waits."""
        said = None
        while True:
            if self.word and self.word != said:
                said = self.word
                yield {"progress": 50, "message": said}
            await asyncio.sleep(1)

    async def get_task(self):
        tasks = await self.docker("tasks", filters={"service": self.object_name})
        return specification.current(tasks)

    async def poll(self):
        """None while the server runs. A Docker that is only starting, as after the hub's own start, says nothing of that, and
        JupyterHub would end every server of which it hears nothing."""
        begun = time.monotonic()
        while True:
            try:
                return await self.how_it_ended()
            except (DockerException, OSError) as error:
                if time.monotonic() - begun > DOCKER_PATIENCE:
                    raise
                self.log.warning("Docker does not say yet how the server of %s is: %s", self.user.name, error)
            await asyncio.sleep(3)

    async def how_it_ended(self):
        try:
            task = await self.get_task()
        except APIError as error:
            if error.status_code == 404:
                return 0
            raise
        if task is None:
            return 0
        if not specification.is_alive(task):
            trouble = words.of_task(self.user.name, {**task["Status"], "State": "failed"})
            return f"{trouble.organiser}"
        if not specification.published_port(task) and self not in self.turns.line:
            # A hub that has ended was starting it, and nobody waits for it any more.
            await self.stop(now=True)
            return 0
        return None

    async def stop(self, now=False):
        """Takes the service away, and waits until its container has written its last byte."""
        try:
            await self.docker("remove_service", self.object_name)
        except APIError as error:
            if error.status_code != 404:
                raise
        deadline = time.monotonic() + (0 if now else specification.GRACE + 10)
        while time.monotonic() < deadline and await self.left_over():
            await asyncio.sleep(0.5)
        self.object_id = ""

    async def left_over(self):
        """Whether a container of the service is still ending. A removed service's tasks are found by their name alone."""
        tasks = await self.docker("tasks", filters={"name": f"{self.object_name}."})
        # They are all no longer wanted.
        return any(task["Status"]["State"] in specification.ALIVE for task in tasks)

    async def get_ip_and_port(self):
        task = await self.get_task()
        port = task and specification.published_port(task)
        if not port:
            raise RuntimeError(f"the server of {self.user.name} has no port")
        node = await self.docker("inspect_node", task["NodeID"])
        return specification.address(node, self.own_address), port

    async def get_url(self):
        """Asked for anew when the hub has started again."""
        address, port = await self.get_ip_and_port()
        return f"http://{address}:{port}{self.server.base_url}"


class ClassicNotebooks(Workshop, DockerSpawner):
    """A container for each student, placed by the manager of the standalone Swarm."""

    async def start(self):
        account = self.account()
        create, host = specification.container(account, self.options)
        self.extra_create_kwargs, self.extra_host_config = create, host
        self.image = self.options["image"]
        try:
            return await super().start()
        except APIError as error:
            said = str(error.explanation or error)
            full = "no resources available" in said.lower()
            status = {"State": "failed", "Err": f"no suitable node (insufficient resources): {said}" if full else said}
            self.give_up(words.of_task(self.user.name, status))

    def get_env(self):
        given = super().get_env()
        pairs = specification.environment(self.account(), given)
        return dict(pair.split("=", 1) for pair in pairs)
