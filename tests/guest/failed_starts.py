"""What students read whose server does not start, in the browser and on the JupyterHub that golden images have.
`test_jupyterhub.py` runs it, with the fakes of `on_jupyterhub.py`."""

import asyncio
import json
import time
import unittest
from unittest import mock

import project
from imagegen import dockerd
from imagegen.jupyter import account, spawner
from on_jupyterhub import Browser

FULL = "no suitable node (insufficient resources on 2 nodes)"
NO_HOME = 'invalid mount config for type "bind": bind source path does not exist: /home/bob'
NO_IMAGE = "No such image: imagegen/notebook"
# What Docker says of a task, what the student reads of it, and words that are for the organiser alone.
TASKS = (
    ({"State": "pending", "Err": FULL}, "There is no room left on the workshop's machines", "Launch one more node"),
    ({"State": "pending", "Err": "no suitable node"}, "No machine is ready for notebooks yet", "No machine for bob"),
    ({"State": "rejected", "Err": NO_HOME}, "Your home folder cannot be reached at the moment", "NFS server"),
    ({"State": "rejected", "Err": NO_IMAGE}, "notebook image is missing on the machine", "No such image"),
    ({"State": "failed", "Err": "non-zero exit (1)"}, "Your server ended before it was ready", "non-zero exit"),
    ({"State": "starting"}, "Your server took too long to start", "did not answer within"),
)
LONGEST = 60  # seconds for a start to fail, on a busy machine


class FailedStart(Browser):
    async def asyncSetUp(self):
        await super().asyncSetUp()
        options = {**self.app.config.WorkshopSpawner.options, "start_seconds": 5}
        self.app.config.WorkshopSpawner.update(patience=0, options=options)
        self.bob, cookies = self.browser()
        await self.in_threads(lambda _: self.log_in("bob", "right", (self.bob, cookies)), 0)

    async def read(self, path):
        """Status and words of a page that bob looks at."""
        return (await self.in_threads(lambda _: self.load(self.bob, path), 0))[0]

    async def start_in_vain(self):
        """Presses Start, and looks at the page that waits until it waits no longer."""
        begun = time.monotonic()
        status, text = await self.read("spawn")
        while "starting up" in text or "is stopping" in text:
            self.assertLess(time.monotonic() - begun, LONGEST, text)
            await asyncio.sleep(0.2)
            status, text = await self.read("spawn-pending/bob")
        return status, text

    async def progress(self):
        """What the page that waits hears from the hub."""
        token = self.user("bob").new_api_token()
        browser, _ = self.browser(Authorization=f"token {token}")
        _, text = (await self.in_threads(lambda _: self.load(browser, "api/users/bob/server/progress"), 0))[0]
        return json.loads(text.removeprefix("data:"))

    async def assert_reason(self, student, organiser):
        """The student reads their own sentence at once, after each reload and at their server's address."""
        pages = [await self.start_in_vain()]
        pages += [await self.read(path) for path in ("spawn-pending/bob", "spawn-pending/bob", "user/bob/lab")]
        for status, text in pages:
            self.assertEqual(status, 503, text)
            self.assertIn(student, text)
            self.assertNotIn(organiser, text)
            self.assertNotIn("SpawnException", text)
        told = await self.progress()
        self.assertTrue(told["failed"])
        self.assertIn(student, told["message"])
        self.assertNotIn(organiser, told["message"])

    async def test_every_end_of_a_task_is_told_in_the_students_words_also_after_a_reload(self):
        for self.docker.status, student, organiser in TASKS:
            with self.subTest(student):
                await self.assert_reason(student, organiser)
                self.assertEqual(self.docker.services, {})

    async def test_a_start_that_works_ends_what_the_page_said(self):
        self.docker.status = TASKS[0][0]
        await self.start_in_vain()
        self.docker.status = {"State": "running"}
        await self.user("bob").spawn()
        self.assertNotIn("no room left", (await self.read("home"))[1])

    async def test_without_docker_or_broker_the_student_is_told_at_once(self):
        sentence = "The workshop's machines cannot be reached at the moment."
        with mock.patch.object(dockerd, "SOCKET", "/nonexistent"):
            await self.assert_reason(sentence, "dockerd does not answer")
        project.replace(self, spawner.SwarmNotebooks, _client=None)
        self.app.config.DockerSpawner.client_kwargs = {"base_url": "unix:///nonexistent", "version": "1.51"}
        await self.assert_reason(sentence, "Docker on the hub answers")

    async def test_who_is_no_longer_in_the_workshop_is_told_so(self):
        with mock.patch.object(account, "find", side_effect=KeyError):
            await self.assert_reason("You are not on the list of this workshop.", "list of users")

    async def test_an_image_of_another_jupyterhub_is_told(self):
        self.server.headers["X-JupyterHub-Version"] = "4.1.0"
        await self.assert_reason("The workshop's notebook image does not fit this hub.", "4.1.0")


if __name__ == "__main__":
    unittest.main()
