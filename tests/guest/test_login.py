"""Wrong passwords, with and without JupyterHub's own authenticator in between."""

import asyncio
import importlib
import sys
import unittest
from unittest import mock

import project  # noqa: F401  (sets the path)
from imagegen.jupyter import login_throttle
from imagegen.jupyter.login_throttle import LoginThrottle


class WrongPasswords(unittest.TestCase):
    def setUp(self):
        self.now = 0.0
        self.throttle = LoginThrottle(lambda: self.now)

    def waits(self, count, name="ada"):
        return [self.throttle.record_failure(name) for _ in range(count)]

    def test_a_few_slips_cost_little_and_many_cost_more_and_more(self):
        self.assertEqual(self.waits(9), [1, 1, 1, 2, 4, 8, 16, 30, 30])
        self.assertEqual(self.waits(1, "bob"), [1])

    def test_failures_are_forgotten(self):
        self.waits(10)
        self.now = login_throttle.FORGET_AFTER + 1
        self.assertEqual(self.waits(1), [1])
        self.waits(10)
        self.throttle.record_success("ada")
        self.assertEqual(self.waits(1), [1])

    def test_guesses_are_few_however_many_are_tried_at_once(self):
        looked_at = 0
        for self.now in range(600):
            looked_at += sum(self.throttle.admit("ada") for _ in range(50))
        self.assertLessEqual(looked_at, login_throttle.BUCKET_SIZE + 600 // login_throttle.REFILL_SECONDS)
        self.assertTrue(self.throttle.admit("bob"))


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
        login = login_module()
        self.authenticator = login.WorkshopAuthenticator()
        self.authenticator.asked = []
        self.authenticator.throttle.clock = lambda: self.now
        replaced = mock.patch.object(login, "asyncio", mock.Mock(sleep=self.sleep))
        replaced.start()
        self.addCleanup(replaced.stop)

    async def asyncSetUp(self):
        self.over = asyncio.Event()

    async def sleep(self, seconds):
        self.waits.append(seconds)
        await self.over.wait()

    def tries(self, name, password, count=1):
        handler = mock.Mock()
        handler.request.remote_ip = "10.0.0.9"
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

    async def test_a_flooded_name_is_refused_without_a_look_and_free_again_within_seconds(self):
        flood = self.tries("training05", "wrong", 50)
        with self.subTest("others are not concerned"):
            self.assertEqual(await self.gets_in("training06"), "training06")
        told = await self.told(flood)
        self.assertEqual(told.count(None), login_throttle.BUCKET_SIZE)
        self.assertEqual(self.authenticator.asked.count("training05"), login_throttle.BUCKET_SIZE)
        refusals = {str(refused.args) for refused in told if refused is not None}
        self.assertEqual(len(refusals), 1)
        self.assertIn("429, 'Too many passwords are being tried for this name.", refusals.pop())
        self.now += login_throttle.REFILL_SECONDS
        self.over.clear()
        self.assertEqual(await self.gets_in("training05"), "training05")

    async def test_pam_is_not_asked_about_the_machines_own_accounts(self):
        self.assertEqual(await self.told(self.tries("root", "right")), [None])
        self.assertEqual(self.authenticator.asked, [])


if __name__ == "__main__":
    unittest.main()
