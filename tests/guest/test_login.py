"""Wrong passwords, with and without JupyterHub's own authenticator in between."""

import asyncio
import importlib
import sys
import unittest
from unittest import mock

import project
from imagegen.jupyter import login_throttle
from imagegen.jupyter.login_throttle import LoginThrottle


class WrongPasswords(unittest.TestCase):
    def setUp(self):
        self.now = 0.0
        self.throttle = LoginThrottle(lambda: self.now)

    def waits(self, count, name="ada"):
        return [self.throttle.count(name) for _ in range(count)]

    def test_a_few_slips_cost_little_and_many_cost_more_and_more(self):
        self.assertEqual(self.waits(9), [1, 1, 1, 2, 4, 8, 16, 30, 30])
        self.assertEqual(self.waits(1, "bob"), [1])

    def test_failures_are_forgotten(self):
        self.waits(10)
        self.now = login_throttle.FORGET_AFTER + 1
        self.assertEqual(self.waits(1), [1])
        self.waits(10)
        self.throttle.record_success("ada", "10.0.0.9")
        self.assertEqual(self.waits(1), [1])

    def test_guesses_are_few_however_many_are_tried_at_once(self):
        looked_at = 0
        for self.now in range(600):
            looked_at += sum(self.throttle.admit("ada", "10.0.0.9") for _ in range(50))
        self.assertLessEqual(looked_at, login_throttle.BUCKET_SIZE + 600 // login_throttle.REFILL_SECONDS)
        self.assertTrue(self.throttle.admit("bob", "10.0.0.9"))
        self.assertTrue(self.throttle.admit("ada", "10.0.0.7"))

    def test_what_is_remembered_is_bounded_whatever_names_are_tried(self):
        project.replace(self, login_throttle, MOST=3)
        for number in range(10):
            self.throttle.admit(f"typo{number}", "10.0.0.9")
            self.waits(1, f"typo{number}")
        self.waits(1000, "ada")
        self.assertEqual((len(self.throttle.failures), len(self.throttle.full_at)), (3, 3))
        self.assertLessEqual(len(self.throttle.failures["ada"]), login_throttle.COUNTED)


class Refused(Exception):
    """Stands for Tornado's HTTPError, with its status and its sentence."""


class Pam:
    """Stands for JupyterHub's PAMAuthenticator. Everybody's password is `right`."""

    allowed_users = {f"training{number:02}" for number in range(1, 61)}
    log = mock.Mock()

    async def authenticate(self, handler, data):
        self.asked.append(data["username"])
        await asyncio.sleep(0)
        return data["username"] if data["password"] == "right" else None


def login_module():
    """With only as much of JupyterHub as it uses."""
    modules = {
        "jupyterhub": mock.Mock(),
        "jupyterhub.auth": mock.Mock(PAMAuthenticator=Pam),
        "jupyterhub.utils": mock.Mock(maybe_future=lambda it: it),
        "tornado": mock.Mock(web=mock.Mock(HTTPError=Refused)),
    }
    with mock.patch.dict(sys.modules, modules):
        return importlib.import_module("imagegen.jupyter.login")


class Login(unittest.IsolatedAsyncioTestCase):
    """All come from one address, as a class does. Nothing that waits goes on before its test has ended."""

    def setUp(self):
        self.now, self.waits = 0.0, []
        login = self.login = login_module()
        self.authenticator = login.WorkshopAuthenticator()
        self.authenticator.asked = []
        self.authenticator.throttle.clock = lambda: self.now
        waiting = mock.Mock(sleep=self.sleep, Semaphore=asyncio.Semaphore)
        project.replace(self, login, asyncio=waiting, time=mock.Mock(monotonic=lambda: self.now))

    async def asyncSetUp(self):
        self.over = asyncio.Event()

    async def sleep(self, seconds):
        self.waits.append(round(seconds))
        await self.over.wait()

    def tries(self, name, password, count=1, address="10.0.0.9"):
        handler = mock.Mock()
        handler.request.remote_ip = address
        data = {"username": name, "password": password}
        return [asyncio.create_task(self.authenticator.authenticate(handler, data)) for _ in range(count)]

    async def told(self, tasks):
        self.over.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    async def gets_in(self, name):
        async with asyncio.timeout(10):
            return await self.tries(name, "right")[0]

    async def test_the_right_password_does_not_wait_for_wrong_ones(self):
        wrong = self.tries("training05", "wrong", 12)
        self.assertEqual(await self.gets_in("training05"), "training05")
        self.assertEqual(await self.told(wrong), [None] * 12)
        self.assertEqual(self.waits[:5], [1, 1, 1, 2, 4])

    async def test_a_class_behind_one_address_is_not_held_up_by_its_slips(self):
        wrong = [task for name in Pam.allowed_users for task in self.tries(name, "wrong")]
        wrong += [task for number in range(60) for task in self.tries(f"typo{number}", "right")]
        self.assertEqual(await self.gets_in("training07"), "training07")
        self.assertEqual(await self.told(wrong), [None] * 120)
        self.assertEqual(set(self.waits), {1})

    async def test_the_right_password_is_answered_at_once_whatever_others_try(self):
        for name in ("training05", "training06"):
            flood = self.tries(name, "wrong", 60)
            self.assertEqual(await self.gets_in("training05"), "training05")
            self.assertEqual(await self.gets_in("training06"), "training06")
            self.assertEqual(await self.told(flood), [None] * 60)
            self.over.clear()

    async def test_names_that_nobody_has_wait_as_long_as_others(self):
        for name in ("training05", "nobody", "root"):
            self.waits.clear()
            for _ in range(9):
                await self.told(self.tries(name, "wrong"))
            self.assertEqual(self.waits, [1, 1, 1, 2, 4, 8, 16, 30, 30], name)

    async def test_where_passwords_can_be_guessed_few_are_looked_at_and_other_addresses_get_in(self):
        self.authenticator.guessable = True
        flood, unknown = self.tries("training05", "wrong", 50), self.tries("nobody", "wrong", 50)
        self.assertEqual(await self.gets_in("training06"), "training06")
        self.assertEqual(await self.tries("training05", "right", address="10.0.0.7")[0], "training05")
        for told in (await self.told(flood), await self.told(unknown)):
            self.assertEqual(told.count(None), login_throttle.BUCKET_SIZE)
            refusals = {str(refused.args) for refused in told if refused is not None}
            self.assertEqual(len(refusals), 1)
            self.assertIn("429, 'Too many passwords are being tried for this name.", refusals.pop())
        self.assertEqual(self.authenticator.asked.count("training05"), login_throttle.BUCKET_SIZE + 1)
        self.now += login_throttle.REFILL_SECONDS
        self.over.clear()
        self.assertEqual(await self.gets_in("training05"), "training05")

    async def test_answers_that_wait_are_bounded(self):
        project.replace(self, self.login, MOST_WAITING=10)
        tries = self.tries("training05", "wrong", 30)
        async with asyncio.timeout(10):
            while sum(each.done() for each in tries) < 20:
                await asyncio.sleep(0.01)
        done, waiting = await asyncio.wait(tries, timeout=0.1)
        self.assertEqual((len(done), len(waiting)), (20, 10))
        await self.told(waiting)
        self.assertEqual(self.authenticator.waiting, 0)

    async def test_a_form_without_a_field_is_a_wrong_password(self):
        handler = mock.Mock()
        handler.request.remote_ip = "10.0.0.9"
        forms = ({}, {"username": "training05"}, {"username": "nobody"}, {"password": "right"})
        self.assertEqual(
            await self.told([asyncio.create_task(self.authenticator.authenticate(handler, each)) for each in forms]),
            [None] * 4,
        )

    async def test_pam_is_not_asked_about_the_machines_own_accounts(self):
        self.assertEqual(await self.told(self.tries("root", "right")), [None])
        self.assertEqual(self.authenticator.asked, [])


if __name__ == "__main__":
    unittest.main()
