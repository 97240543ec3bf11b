#!/usr/bin/env python3
"""A student and the organiser with a browser: Chromium by its WebDriver, in front of a rehearsal's open door.

Usage: page.py FOLDER      Screenshots go there. Reads IMAGEGEN_PAGE and IMAGEGEN_PASSWORDS, as `imagegen rehearse` sets
them for a command. The student is training01, the organiser o.brien-2.
"""

import base64
import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

PATIENCE = 600  # seconds: an emulated machine takes its time
KERNEL = 60  # seconds that a cell may take, before it is taken for one that was not run
CELL = ".jp-Notebook .cm-content"
IDLE = '.jp-Notebook-ExecutionIndicator[data-status="idle"]'  # Said of a kernel, and for a moment before there is one.
OUTPUT = ".jp-OutputArea-output pre"
# Keys of the WebDriver (W3C WebDriver, section 17.4.2); a modifier is held until it comes again.
SELECT_ALL = "\ue009a\ue009"
RUN = "\ue008\ue007\ue008"
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # The key of an element's id (W3C WebDriver, section 12).


def wait_for(what, look, bound=PATIENCE):
    """Looks until there is what is waited for, and gives it. As long as there is not, `look` gives nothing, or raises a
    RuntimeError that says what there is."""
    deadline = time.monotonic() + bound
    while True:
        seen = "nothing"
        try:
            if found := look():
                return found
        except RuntimeError as error:
            seen = error
        if time.monotonic() > deadline:
            raise RuntimeError(f"waited {bound} s in vain for {what}; what was there last: {seen}")
        time.sleep(1)


class Browser:
    """One window of its own, without the other's cookies."""

    def __init__(self, driver):
        self.driver = driver
        arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1280,900"]
        arguments += ["--disable-dev-shm-usage"]
        options = {"browserName": "chrome", "acceptInsecureCerts": True, "goog:chromeOptions": {"args": arguments}}
        self.session = self.ask("POST", "/session", {"capabilities": {"alwaysMatch": options}})["sessionId"]

    def ask(self, method, path, body=None):
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(self.driver + path, data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise RuntimeError(json.load(error)["value"]["message"].splitlines()[0]) from error

    def do(self, method, path, body=None):
        return self.ask(method, f"/session/{self.session}{path}", body)

    def go(self, url):
        self.do("POST", "/url", {"url": url})

    def element(self, selector):
        return self.do("POST", "/element", {"using": "css selector", "value": selector})[ELEMENT]

    def find(self, selector):
        """Waits for an element."""
        return wait_for(selector, lambda: self.element(selector))

    def text(self, selector):
        return self.do("GET", f"/element/{self.find(selector)}/text")

    def place(self):
        return self.do("GET", "/url")

    def click(self, selector):
        """A page that is still being built may cover what it has; then once more."""

        def click():
            self.do("POST", f"/element/{self.element(selector)}/click", {})
            return True

        wait_for(f"{selector} to be clicked", click)

    def write(self, selector, text):
        self.do("POST", f"/element/{self.find(selector)}/value", {"text": text})

    def says(self, selector):
        """The text, or nothing while the page is changing."""
        try:
            return self.text(selector)
        except RuntimeError as error:
            if "stale" not in str(error):
                raise
            return ""

    def wait_for(self, selector, words, page=None):
        """Waits for words in an element; loads a page again, where one is given, until they are there."""

        def look():
            if words in (seen := self.says(selector)):
                return True
            if page:
                self.go(page)
            raise RuntimeError(f"{selector} says {seen!r}")

        wait_for(f"{words!r} in {selector}", look)

    def shows(self, selector, words):
        """Whether there is such an element now that has the words."""
        try:
            found = self.do("POST", "/elements", {"using": "css selector", "value": selector})
            return any(words in self.do("GET", f"/element/{it[ELEMENT]}/text") for it in found)
        except RuntimeError:
            return False

    def keep(self, path):
        with open(path, "wb") as file:
            file.write(base64.b64decode(self.do("GET", "/screenshot")))

    def close(self):
        self.do("DELETE", "")

    def log_in(self, page, name):
        self.go(page)
        self.write("#username_input", name)
        self.write("#password_input", json.loads(os.environ["IMAGEGEN_PASSWORDS"])[name])


def run_in_cell(browser, code, result):
    """Types code into the first cell and runs it. A notebook that is still being opened loses keys, or has no kernel
    yet that would run what they say; then once more."""

    def look():
        if browser.shows(OUTPUT, result):
            return True
        browser.find(IDLE)
        browser.click(CELL)
        browser.write(CELL, SELECT_ALL + code)
        if not browser.shows(CELL, code):
            raise RuntimeError(f"{browser.says(CELL)!r} is in the cell")
        browser.write(CELL, RUN)
        return wait_for(f"{result!r} below {code!r}", lambda: browser.shows(OUTPUT, result), KERNEL)

    wait_for(f"{result!r} in the notebook", look)


def student(browser, page, folder):
    browser.log_in(f"{page}/hub/login", "training01")
    browser.keep(f"{folder}/login.png")
    browser.click("#login_submit")
    browser.click('.jp-LauncherCard[data-category="Notebook"]')
    browser.find(CELL)
    run_in_cell(browser, "import os; print(6 * 7, os.getuid(), os.path.expanduser('~'))", "42 2001 /home/training01")
    browser.keep(f"{folder}/notebook.png")


def organiser(browser, page, folder):
    browser.log_in(f"{page}/hub/login?next=%2Fhub%2Fworkshop", "o.brien-2")
    browser.click("#login_submit")
    browser.wait_for("body", "Students at work")
    for words in ("training01", "node-1", "10.77.0.11", "has joined the workshop", "MiB"):
        browser.wait_for("body", words, f"{page}/hub/workshop")
    browser.keep(f"{folder}/organiser.png")


@contextlib.contextmanager
def started_driver():
    """The address of a driver of our own. What it and its browsers leave goes with its folder for temporary files."""
    with tempfile.TemporaryDirectory() as folder:
        said = os.path.join(folder, "said")
        with open(said, "w") as file:
            # It takes a free port, and says which.
            driver = subprocess.Popen(["chromedriver", "--port=0"], stdout=file, env={**os.environ, "TMPDIR": folder})
        try:
            yield f"http://127.0.0.1:{wait_for('the port of chromedriver', lambda: port_in(said))}"
        finally:
            driver.terminate()
            driver.wait()


def port_in(path):
    with open(path) as file:
        found = re.search(r"started successfully on port (\d+)", text := file.read())
    if not found:
        raise RuntimeError(f"it says {text!r}")
    return found[1]


def look_around(browser, play, page, folder):
    """Lets somebody play; a failure has what the page shows at that moment."""
    try:
        play(browser, page, folder)
    except RuntimeError as error:
        browser.keep(f"{folder}/failed.png")
        raise RuntimeError(f"{error}; the page is {browser.place()}: {browser.says('body')[:500]}") from error
    finally:
        browser.close()


def main(folder):
    os.makedirs(folder, exist_ok=True)
    with started_driver() as driver:
        for play in (student, organiser):
            look_around(Browser(driver), play, os.environ["IMAGEGEN_PAGE"], folder)
    print("a student worked in a notebook, and the organiser saw it")


if __name__ == "__main__":
    main(*sys.argv[1:])
