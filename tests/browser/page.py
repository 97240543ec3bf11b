#!/usr/bin/env python3
"""A student and the organiser with a browser: Chromium by its WebDriver, in front of a rehearsal's open door.

Usage: page.py FOLDER      Screenshots go there. Reads IMAGEGEN_PAGE and IMAGEGEN_PASSWORDS, as `imagegen rehearse --then`
gives them. The student is training01, the organiser o.brien-2.
"""
import base64
import json
import os
import socket
import subprocess
import sys
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


class Browser:
    """One window of its own, without the other's cookies."""

    def __init__(self, driver):
        self.driver = driver
        arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1280,900", "--disable-dev-shm-usage"]
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

    def find(self, selector):
        """Waits for an element."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                return self.do("POST", "/element", {"using": "css selector", "value": selector})[ELEMENT]
            except RuntimeError:
                if time.monotonic() > deadline:
                    raise RuntimeError(f"there is no {selector} at {self.place()}: {self.text('body')[:500]}") from None
                time.sleep(1)

    def text(self, selector):
        return self.do("GET", f"/element/{self.find(selector)}/text")

    def place(self):
        return self.do("GET", "/url")

    def click(self, selector):
        """A page that is still being built may cover what it has; then once more."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                return self.do("POST", f"/element/{self.find(selector)}/click", {})
            except RuntimeError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(1)

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

    def wait_for(self, selector, words, again=None):
        """Waits for words in an element; loads the page `again`, where one is given, until they are there."""
        deadline = time.monotonic() + PATIENCE
        while words not in (seen := self.says(selector)):
            if time.monotonic() > deadline:
                raise RuntimeError(f"{selector} says {seen!r} in place of {words!r}")
            time.sleep(2)
            if again:
                self.go(again)

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
    """Types code into the first cell and runs it. A notebook that is still being opened loses keys, or has no kernel yet
    that would run what they say; then once more."""
    deadline = time.monotonic() + PATIENCE
    while not browser.shows(OUTPUT, result):
        if time.monotonic() > deadline:
            raise RuntimeError(f"{browser.says(CELL)!r} in the cell does not give {result!r}")
        browser.find(IDLE)
        browser.click(CELL)
        browser.write(CELL, SELECT_ALL + code)
        if browser.shows(CELL, code):
            browser.write(CELL, RUN)
            wait_until(lambda: browser.shows(OUTPUT, result), KERNEL)
        else:
            time.sleep(1)


def wait_until(true, seconds):
    """Gives up quietly."""
    deadline = time.monotonic() + seconds
    while not true() and time.monotonic() < deadline:
        time.sleep(1)


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


def main(folder):
    os.makedirs(folder, exist_ok=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    driver = subprocess.Popen(["chromedriver", f"--port={port}", "--log-level=OFF"], stdout=subprocess.DEVNULL)
    try:
        time.sleep(3)
        for play in (student, organiser):
            browser = Browser(f"http://127.0.0.1:{port}")
            try:
                play(browser, os.environ["IMAGEGEN_PAGE"], folder)
            except RuntimeError:
                browser.keep(f"{folder}/failed.png")
                raise
            finally:
                browser.close()
        print("a student worked in a notebook, and the organiser saw it")
    finally:
        driver.terminate()
        driver.wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
