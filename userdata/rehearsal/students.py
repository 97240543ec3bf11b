"""Students at work: logs each in over HTTPS, starts a server, opens a kernel, and runs code in it, all together.

Reads one JSON object: `address` of the page, SHA-256 `fingerprint` of its certificate, `pace` in seconds between two
students, `patience` in seconds, and `students`, each with `name`, `password`, and what to do: `code` for a kernel,
`stop` the server at the end. Prints a list with what became of each: `seconds` from the press on Start to an answer of
the server, when the `server` was started, `output` of the code, or `refused` or `failed` with the sentence that the
student reads.
"""

import asyncio
import html
import json
import re
import sys
import time
import uuid

import aiohttp
from yarl import URL

SOON = 300  # seconds for what has nothing to wait for but the machines


class Refused(Exception):
    """What the login page says."""


class Failed(Exception):
    """What the page says to somebody whose server does not start."""


async def wait_for(what, bound, look):
    """Looks until what is waited for is there, and gives it: `look` gives it, or nothing, and what there is."""
    deadline = time.monotonic() + bound
    while True:
        found, seen = await look()
        if found:
            return found
        if time.monotonic() > deadline:
            raise Failed(f"waited {bound} s in vain for {what}; what was there last: {seen}")
        await asyncio.sleep(1)


def sentence(page):
    """The words of a page of JupyterHub's that tell what went wrong."""
    page = re.sub(r"<(script|style|head|nav)\b.*?</\1>", " ", page, flags=re.DOTALL)
    found = re.search(r'<p class="login_error">(.*?)</p>|<div class="error">(.*?)</div>', page, re.DOTALL)
    text = next((group for group in found.groups() if group), "") if found else page
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", text)).split())[:600]


class Student:
    def __init__(self, task, job):
        self.task, self.job, self.name = task, job, task["name"]
        pin = aiohttp.Fingerprint(bytes.fromhex(job["fingerprint"]))
        # An address has no cookies unless one insists.
        self.session = aiohttp.ClientSession(
            f"https://{job['address']}",
            cookie_jar=aiohttp.CookieJar(unsafe=True),
            connector=aiohttp.TCPConnector(ssl=pin),
            timeout=aiohttp.ClientTimeout(total=300),
        )

    def cookies(self, path):
        return self.session.cookie_jar.filter_cookies(URL(f"https://{self.job['address']}{path}"))

    def xsrf(self, path):
        return self.cookies(path)["_xsrf"].value

    async def visit(self, page, path):
        """Loads a page that gives a cookie for `path`; just after a restart of hub or proxy, more than once."""

        async def look():
            async with self.session.get(page) as answer:
                return "_xsrf" in self.cookies(path), f"{answer.status} {answer.url}"

        await wait_for(f"a cookie of {page}", SOON, look)

    async def log_in(self):
        await self.visit("/hub/login", "/hub/")
        form = {"username": self.name, "password": self.task["password"], "_xsrf": self.xsrf("/hub/")}
        async with self.session.post("/hub/login", data=form, allow_redirects=False) as answer:
            if answer.status != 302:
                raise Refused(f"{answer.status}: {sentence(await answer.text())}")

    async def start(self):
        """Seconds from the press on Start to the server's first answer."""
        begun = time.monotonic()
        path = "/hub/spawn"
        while time.monotonic() - begun < self.job["patience"]:
            async with self.session.get(path, allow_redirects=False) as answer:
                place = answer.headers.get("Location", "")
                if answer.status >= 400:
                    raise Failed(sentence(await answer.text()))
            if place.startswith(f"/user/{self.name}/") and await self.answers():
                return time.monotonic() - begun
            if place.startswith("/hub/spawn-pending"):
                path = place
                await asyncio.wait_for(self.hear(), self.job["patience"])
            await asyncio.sleep(0.5)
        raise Failed(f"there is no server after {self.job['patience']} seconds")

    async def hear(self):
        """Listens to the hub, as its page does, until the server is there or will not be."""
        url = f"/hub/api/users/{self.name}/server/progress"
        calm = aiohttp.ClientTimeout(total=None, sock_read=300)
        async with self.session.get(url, headers={"X-XSRFToken": self.xsrf("/hub/")}, timeout=calm) as answer:
            async for line in answer.content:
                if line.startswith(b"data:") and json.loads(line[5:]).keys() & {"ready", "failed"}:
                    return

    async def server(self):
        """Logs in at the student's server, and gives when it was started: no other one has the same microsecond."""
        await self.visit(f"/user/{self.name}/lab", f"/user/{self.name}/")

        async def look():
            async with self.session.get(f"/user/{self.name}/api/status") as answer:
                text = await answer.text()
            return answer.status == 200 and json.loads(text)["started"], f"{answer.status} {text[:300]}"

        return await wait_for(f"the state of the server of {self.name}", SOON, look)

    async def answers(self):
        async with self.session.get(f"/user/{self.name}/api") as answer:
            return answer.status == 200

    async def run(self, code):
        """The output of code in a kernel of its own."""
        headers = {"X-XSRFToken": self.xsrf(f"/user/{self.name}/")}
        async with self.session.post(f"/user/{self.name}/api/kernels", json={}, headers=headers) as answer:
            if answer.status != 201:
                raise Failed(f"no kernel: {answer.status} {(await answer.text())[:300]}")
            kernel = (await answer.json())["id"]
        try:
            return await asyncio.wait_for(self.execute(kernel, code), self.job["patience"])
        finally:
            async with self.session.delete(f"/user/{self.name}/api/kernels/{kernel}", headers=headers):
                pass

    async def execute(self, kernel, code):
        message = uuid.uuid4().hex
        session = {"username": "", "session": uuid.uuid4().hex, "version": "5.3", "date": ""}
        header = {"msg_id": message, "msg_type": "execute_request", **session}
        content = {"code": code, "silent": False, "store_history": False, "allow_stdin": False, "user_expressions": {}}
        around = {"parent_header": {}, "metadata": {}, "channel": "shell", "buffers": []}
        request = {"header": header, "content": content, **around}
        output = ""
        url = f"/user/{self.name}/api/kernels/{kernel}/channels"
        async with self.session.ws_connect(url, max_msg_size=0) as socket:
            await socket.send_json(request)
            async for event in socket:
                if event.type != aiohttp.WSMsgType.TEXT:
                    continue
                said = event.json()
                kind, content = said["msg_type"], said["content"]
                if kind == "status" and content["execution_state"] in ("restarting", "dead"):
                    return f"{output}\nthe kernel died"
                if said["parent_header"].get("msg_id") != message:
                    continue
                if kind == "stream":
                    output += content["text"]
                elif kind == "error":
                    output += "\n".join((content["ename"], content["evalue"]))
                elif kind == "status" and content["execution_state"] == "idle":
                    return output
        return f"{output}\nthe line to the kernel broke"

    async def stop(self):
        path = f"/hub/api/users/{self.name}/server"
        async with self.session.delete(path, headers={"X-XSRFToken": self.xsrf("/hub/")}) as answer:
            if answer.status not in (202, 204):
                raise Failed(f"not stopped: {answer.status} {(await answer.text())[:300]}")

        async def look():
            headers = {"X-XSRFToken": self.xsrf("/hub/")}
            async with self.session.get(f"/hub/api/users/{self.name}", headers=headers) as answer:
                user = await answer.json()
            server, pending = user.get("server"), user.get("pending")
            return not server and not pending, f"server {server}, pending {pending}"

        await wait_for(f"the end of the server of {self.name}", SOON, look)

    async def work(self, after):
        seen = {"name": self.name}
        await asyncio.sleep(after)
        try:
            await self.log_in()
            seen["seconds"] = await self.start()
            seen["server"] = await self.server()
            if "code" in self.task:
                seen["output"] = await self.run(self.task["code"])
            if self.task.get("stop"):
                await self.stop()
        except Refused as refused:
            seen["refused"] = str(refused)
        except (Failed, aiohttp.ClientError, asyncio.TimeoutError, KeyError) as failed:
            seen["failed"] = f"{type(failed).__name__}: {failed}"
        finally:
            await self.session.close()
        return seen


async def main():
    job = json.load(sys.stdin)
    students = [Student(task, job) for task in job["students"]]
    results = await asyncio.gather(*(student.work(number * job["pace"]) for number, student in enumerate(students)))
    print(json.dumps(results))


asyncio.run(main())
