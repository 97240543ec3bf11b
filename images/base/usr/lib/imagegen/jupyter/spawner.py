"""Where students' servers run: as services of the swarm, or as containers of the classic engine."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable
from typing import TYPE_CHECKING, Any, NoReturn, cast

from docker.errors import APIError, DockerException
from dockerspawner import DockerSpawner, SwarmSpawner
from jupyterhub import __version__
from jupyterhub.spawner import SpawnException
from tornado.httpclient import AsyncHTTPClient, HTTPError
from traitlets import Dict, Integer, Unicode

from imagegen.jupyter import account, messages, specification
from imagegen.jupyter.admission import AdmissionQueue

if TYPE_CHECKING:
    from imagegen.jupyter.messages import SpawnFailure
    from imagegen.jupyter.specification import Json
    from imagegen.schema import Notebooks

# Seconds after which a Docker that does not answer counts as failed.
DOCKER_TIMEOUT = 180
NOT_FOUND = 404
SERVER_ERROR = 500
UNAVAILABLE = 503
# Seconds after which a container counts as gone that the manager of the classic engine does not know. A manager or a
# Consul that has started again knows no node at first, and a node that was cut off comes back.
MANAGER_PATIENCE = 120
POLL_PAUSE = 3  # seconds between two questions to a manager that does not know, or does not say
# Calls that change nothing. On a hub that is busy for a moment the swarm answers them with an error, and then again.
QUESTIONS = frozenset({"inspect_node", "inspect_service", "nodes", "tasks"})


def pause(begun: float) -> float:
    """Seconds to the next look at what began at this monotonic time: a tenth of the wait so far, so that a class that
    waits does not keep the hub from what it waits for."""
    return min(max(0.3, (time.monotonic() - begun) / 10), 3)


class ServerNotStarted(SpawnException):
    """Ends a start. JupyterHub's pages show `jupyterhub_message`; without one, the log's text or nothing."""

    def __init__(self, failure: SpawnFailure) -> None:
        super().__init__(failure.student, reason=failure.reason, log_message=failure.organiser, status_code=UNAVAILABLE)
        self.jupyterhub_message = failure.student


class MachineLostError(Exception):
    """The machine that was starting a server does not answer any more."""


class WorkshopSpawner(DockerSpawner):
    """What both engines have in common."""

    options = Dict(config=True, help="The section `notebooks` of the hub's settings")
    own_address = Unicode(config=True, help="The hub's address in the workshop's network")
    patience = Integer(90, config=True, help="Seconds for which a student waits for room or for a machine")
    message = ""  # for the student who waits
    has_given_up = False  # whether the last start has failed
    queue = AdmissionQueue()

    @property
    def notebooks(self) -> Notebooks:
        """The workshop's `notebooks`."""
        return cast("Notebooks", self.options)

    def _object_name_default(self) -> str:
        """Also for somebody who is in the hub's database and no longer in the workshop."""
        try:
            return specification.service_name(account.find(self.user.name))
        except KeyError:
            return "notebook-of-nobody"

    def account(self) -> account.Account:
        """The student's account."""
        try:
            return account.find(self.user.name)
        except KeyError:
            self.give_up(messages.not_listed(self.user.name))

    def give_up(self, failure: SpawnFailure) -> NoReturn:
        """Tells student and organiser, each what they need to know."""
        self.log.warning(failure.organiser)
        self.has_given_up = True
        raise ServerNotStarted(failure)

    async def start(self) -> tuple[str, int]:
        """Address and port of the new server."""
        self.has_given_up = False
        try:
            with self.queue.admit(self):
                return await self.start_in_turn()
        except (DockerException, OSError) as error:
            self.give_up(messages.no_docker(self.user.name, error))

    async def start_in_turn(self) -> tuple[str, int]:
        """Waits for its turn; from then on `start_seconds` count."""
        raise NotImplementedError

    async def wait_for_turn(self) -> None:
        """Until there is a slot."""
        while position := self.queue.position(self):
            self.message = messages.queued(position)
            await asyncio.sleep(0.5)

    async def in_time(self, work: Awaitable[tuple[str, int]]) -> tuple[str, int]:
        """What a start gives that takes no longer than the workshop allows."""
        seconds = self.notebooks["start_seconds"]
        try:
            async with asyncio.timeout(seconds):
                return await work
        except TimeoutError:
            await self.stop()
            self.give_up(messages.too_slow(self.user.name, seconds))

    async def progress(self) -> AsyncIterator[dict[str, object]]:
        """What the page says while a student waits."""
        said = None
        while True:
            if self.message and self.message != said:
                said = self.message
                yield {"progress": 50, "message": said}
            await asyncio.sleep(1)

    async def check_version(self, url: str) -> None:
        """Waits until the server answers, and compares its version with the hub's."""
        have = await self.answered(f"{url}/api")
        if have.split(".")[0] != __version__.split(".")[0]:
            await self.stop()
            self.give_up(messages.wrong_version(self.user.name, have, __version__))

    async def answered(self, url: str) -> str:
        """The version in the server's first answer."""
        client = AsyncHTTPClient()
        begun = time.monotonic()
        while True:
            if (ended := await self.poll()) is not None:
                await self.give_up_ended(str(ended))
            try:
                # A student's own program must not send the hub anywhere else.
                response = await client.fetch(url, raise_error=False, request_timeout=10, follow_redirects=False)
                if response.code < SERVER_ERROR:
                    return response.headers.get("X-JupyterHub-Version", "")
            except (OSError, HTTPError):
                pass  # It does not listen yet, or is too busy starting to answer.
            await asyncio.sleep(pause(begun))

    async def give_up_ended(self, how: str) -> None:
        """The server has ended before its first answer."""
        self.give_up(messages.task_end(self.user.name, {"Err": how}))


class SwarmNotebooks(WorkshopSpawner, SwarmSpawner):
    """A service of one task for each student, reached at the port that its machine chose."""

    async def docker(self, method: str, *args: object, **kwargs: object) -> Any:
        """A call of Docker's API; a question that the swarm cannot answer is asked again for a while."""
        begun = time.monotonic()
        while True:
            try:
                return await super().docker(method, *args, **kwargs)
            except APIError as error:
                waited = time.monotonic() - begun
                if method not in QUESTIONS or not error.is_server_error() or waited > self.patience:
                    raise
            await asyncio.sleep(pause(begun))

    async def start_in_turn(self) -> tuple[str, int]:
        """Waits for its turn; from then on `start_seconds` count."""
        own = self.account()
        if await self.get_object() is not None:
            await self.stop()
        image = await self.image_to_run(time.monotonic())
        await self.wait_for_turn()
        return await self.in_time(self.create(own, image))

    async def create(self, own: account.Account, image: str) -> tuple[str, int]:
        """Has Docker make the service, and waits until it answers. If its machine is lost meanwhile, another one gets
        it: the swarm itself does not start a task a second time."""
        begun = time.monotonic()
        while True:
            try:
                return await self.create_once(own, image, begun)
            except MachineLostError:
                self.log.warning("%s: the machine was lost while it started the server", self.user.name)
                self.message = messages.machine_lost()
                await self.stop(now=True)
                await asyncio.sleep(pause(begun))

    async def create_once(self, own: account.Account, image: str, begun: float) -> tuple[str, int]:
        """Address and port of a new service that answers."""
        command = await self.get_command()
        request = specification.service(own, image, command, self.get_env(), self.notebooks)
        self.object_id = (await self.docker("create_service", **request))["ID"]
        await self.until_running(begun)
        url = await self.get_url()
        await self.check_version(url.rstrip("/"))
        return await self.get_ip_and_port()

    async def give_up_ended(self, how: str) -> None:
        """The server has ended before its first answer."""
        self.expect_machine(await self.get_task())
        await super().give_up_ended(how)

    def expect_machine(self, task: Json | None) -> None:
        """Raises `MachineLostError` where the swarm has given up a task that was starting."""
        if task and specification.is_lost(task):
            raise MachineLostError

    async def get_command(self) -> list[str]:
        """Without a look at the image, which dockerspawner would take and the hub does not have."""
        return [*self.cmd, *self.get_args()]

    async def image_to_run(self, begun: float) -> str:
        """Waits until a machine has one."""
        while True:
            nodes = await self.docker("nodes")
            self.queue.slots = specification.processors(nodes, self.notebooks)
            image = specification.image_of(nodes, self.notebooks)
            if image:
                return image
            await self.wait(messages.no_machine(self.user.name), begun)

    async def until_running(self, begun: float) -> None:
        """Until the task runs and its machine has chosen a port."""
        while True:
            task = await self.get_task()
            self.expect_machine(task)
            if task and task["Status"]["State"] == "running" and specification.published_port(task):
                return
            failure = messages.task_failure(self.user.name, task["Status"]) if task else None
            await self.wait(failure, begun)

    async def wait(self, failure: SpawnFailure | None, begun: float) -> None:
        """A moment, if waiting may help."""
        waited = time.monotonic() - begun
        if failure and (not failure.is_temporary or waited > self.patience):
            await self.stop()
            self.give_up(failure)
        self.message = failure.student if failure else messages.starting(waited)
        await asyncio.sleep(pause(begun))

    async def get_task(self) -> Json | None:
        """The service's task."""
        tasks = await self.docker("tasks", filters={"service": self.object_name})
        return specification.current(tasks)

    async def poll(self) -> int | str | None:
        """None while the server runs.

        A Docker that is only starting, as after a start of the hub, does not know yet, and JupyterHub would end every
        server on an error. After a failed start nothing is lost, and the student waits for the reason."""
        begun = time.monotonic()
        while True:
            try:
                return await self.how_it_ended()
            except (DockerException, OSError) as error:
                if self.has_given_up or time.monotonic() - begun > DOCKER_TIMEOUT:
                    raise
                self.log.warning("Docker does not say yet how the server of %s is: %s", self.user.name, error)
            await asyncio.sleep(3)

    async def how_it_ended(self) -> int | str | None:
        """None while the server runs."""
        try:
            task = await self.get_task()
        except APIError as error:
            if error.status_code == NOT_FOUND:
                return 0
            raise
        if task is None:
            return 0
        if not specification.is_alive(task):
            return messages.task_end(self.user.name, task["Status"]).organiser
        if not specification.published_port(task) and self not in self.queue.waiting:
            # A hub that has ended was starting it, and nobody waits for it any longer.
            await self.stop(now=True)
            return 0
        return None

    async def stop(self, now: bool = False) -> None:
        """Removes the service, and waits until its container has written its last byte."""
        try:
            await self.docker("remove_service", self.object_name)
        except APIError as error:
            if error.status_code != NOT_FOUND:
                raise
        deadline = time.monotonic() + (0 if now else specification.GRACE + 10)
        while time.monotonic() < deadline and await self.is_ending():
            await asyncio.sleep(0.5)
        self.object_id = ""

    async def is_ending(self) -> bool:
        """Whether a container of the service still runs. A removed service's tasks are found by their name alone."""
        tasks = await self.docker("tasks", filters={"name": f"{self.object_name}."})
        # None of them is wanted any longer.
        return any(task["Status"]["State"] in specification.ALIVE for task in tasks)

    async def get_ip_and_port(self) -> tuple[str, int]:
        """Where the server is, as Docker says now."""
        task = await self.get_task()
        port = specification.published_port(task) if task else None
        if not task or not port:
            raise RuntimeError(f"the server of {self.user.name} has no port")
        node = await self.docker("inspect_node", task["NodeID"])
        return specification.address(node, self.own_address), port

    async def get_url(self) -> str:
        """JupyterHub asks again after its own start."""
        address, port = await self.get_ip_and_port()
        return f"http://{address}:{port}{self.server.base_url}"


class ClassicNotebooks(WorkshopSpawner):
    """A container for each student, placed by the manager of the standalone Swarm."""

    async def start_in_turn(self) -> tuple[str, int]:
        """Waits for its turn; from then on `start_seconds` count."""
        self.extra_create_kwargs, self.extra_host_config = specification.container(self.account(), self.notebooks)
        self.image = self.notebooks["image"] or ""
        try:
            await self.remove_leftovers()
            self.queue.slots = max(1, (await self.docker("info"))["NCPU"])
            await self.wait_for_turn()
            return await self.in_time(self.create())
        except APIError as error:
            said = str(error.explanation or error)
            full = "no resources available" in said.lower()
            cause = f"no suitable node (insufficient resources): {said}" if full else said
            self.give_up(messages.task_end(self.user.name, {"Err": cause}))

    async def create(self) -> tuple[str, int]:
        """Has a container made, and waits until it answers."""
        self.message = messages.starting(0)
        address, port = await super(WorkshopSpawner, self).start()
        await self.check_version(f"http://{address}:{port}{self.server.base_url}".rstrip("/"))
        return address, port

    async def leftovers(self) -> list[Json]:
        """All containers of this student, on all nodes."""
        label = f"{specification.STUDENT}={self.user.name}"
        found: list[Json] = await self.docker("containers", all=True, filters={"label": label})
        return found

    async def remove_leftovers(self) -> None:
        """Removes what an earlier server of this student has left: on a node that was lost and is back, or because the
        manager did not know the node when the server ended. Two of one name would keep each other from starting. The
        manager answers every trouble of a node with 500; a node that is lost goes out of its list after a minute."""
        self.object_id = ""
        begun, trouble = time.monotonic(), None
        while found := await self.leftovers():
            if trouble and time.monotonic() - begun > self.patience:
                raise trouble
            for container in found:
                try:
                    await self.docker("remove_container", container["Id"], v=True, force=True)
                except APIError as error:
                    trouble = error
            await asyncio.sleep(pause(begun))

    async def stop(self, now: bool = False) -> None:
        """Ends the server, and removes its container. What a lost node keeps of it, the next start removes."""
        number, self.object_id = self.object_id, ""
        if number:
            for method, options in (("stop", {}), ("remove_container", {"v": True, "force": True})):
                try:
                    await self.docker(method, number, **options)
                except APIError as error:
                    self.log.warning("%s of the server of %s: %s", method, self.user.name, error)
        self.clear_state()

    async def get_object(self) -> Any:
        """The server's own container, by its id: a node that comes back may bring another one of the same name."""
        if not self.object_id:
            return None
        try:
            return await self.docker("inspect_container", self.object_id)
        except APIError as error:
            if error.status_code == NOT_FOUND:
                return None
            raise

    async def poll(self) -> int | str | None:
        """None while the server runs. What the manager does not know, or cannot say, is not gone at once: time counts
        from its first answer of that kind, for all students' questions wait for each other."""
        unknown = silent = 0.0
        while self.object_id:
            try:
                container = await self.get_object()
            except (DockerException, OSError) as error:
                unknown, silent = 0.0, silent or time.monotonic()
                if time.monotonic() - silent > DOCKER_TIMEOUT:
                    raise
                self.log.warning("The manager does not say yet how the server of %s is: %s", self.user.name, error)
            else:
                if container:
                    return await self.end_of(container["State"])
                unknown, silent = unknown or time.monotonic(), 0.0
                if time.monotonic() - unknown > MANAGER_PATIENCE:
                    return 0
            await asyncio.sleep(POLL_PAUSE)
        return 0

    async def end_of(self, state: Json) -> str | None:
        """How the container ended, if it has. The manager would go on reserving its memory."""
        if (ended := specification.how_it_ended(state)) is not None:
            await self.stop()
        return ended

    def get_env(self) -> dict[str, str]:
        """JupyterHub's own variables, and the account's."""
        pairs = specification.environment(self.account(), super().get_env())
        return dict(pair.split("=", 1) for pair in pairs)
