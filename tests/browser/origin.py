#!/usr/bin/env python3
"""Whether a student's page takes over whoever opens it: Caddy, JupyterHub and its proxy as the hub has them, Chromium,
and a student who runs a program of the own in place of the notebook server. `.ci/origin` runs it, in a network of its
own.

Usage: origin.py CADDY PROXY FOLDER      the program, the folder with the proxy's packages, one for everything else
"""

import http.cookiejar
import json
import os
import pathlib
import shlex
import socket
import ssl
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request

import page

PROJECT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.dont_write_bytecode = True
sys.path.insert(0, f"{PROJECT}/images/base/usr/lib")
from imagegen.hub import setup, web  # noqa: E402

ADDRESS, DOMAIN = "10.0.0.5", "workshop.example.org"
ATTACKER, VICTIM, ORGANISER = "training03", "training05", "o.brien-2"
PLOT = f"/user/{ATTACKER}/plot.html"
SETTINGS = {
    "role": "hub",
    "engine": "swarm",
    "workshop": "example",
    "homes": "/home",
    "hub_ip": ADDRESS,
    "page": {
        "admins": [ORGANISER],
        "notebooks": {
            "image": None,
            "memory": 2**30,
            "reserve": 2**29,
            "cpus": None,
            "processes": 512,
            "start_seconds": 60,
        },
        "materials": [],
        "timezone": None,
    },
}
TOKENS = {name: name.lower() for name in setup.TOKEN_NAMES.values()}


def expect(what, seen, wanted):
    """Ends the test where something is not as it should be."""
    if seen != wanted:
        raise RuntimeError(f"{what}: {seen!r}, not {wanted!r}")
    print(f"  {what}: {wanted}", flush=True)


class Stack:
    """What stands on the hub. `web` is that of the workshop, and `change` what a control does to Caddy's settings."""

    def __init__(self, caddy, proxy, folder, web_settings, change=lambda text: text):
        self.caddy, self.proxy, self.folder = caddy, proxy, folder
        self.web, self.change = {"domain": None, "email": None, **web_settings}, change
        self.running = []

    def __enter__(self):
        os.makedirs(self.folder)
        # The second is what systemd would hand to JupyterHub.
        for path in ("/etc/imagegen/settings.json", "/etc/imagegen/settings"):
            with open(path, "w") as file:
                json.dump({**SETTINGS, "page": {**SETTINGS["page"], "web": self.web}}, file)
        with open("/etc/imagegen/users", "w") as file:
            file.write(f"2001\ttraining{{01..09}}\n3001\t{ORGANISER}\n")
        self.write_web(web.certificate_of(self.web))
        self.start_all()
        return self

    def write_web(self, certificate):
        """As the hub does, but for what a control changes."""
        setup.write_web(certificate)
        with open(setup.CADDYFILE) as file:
            text = self.change(file.read())
        with open(setup.CADDYFILE, "w") as file:
            file.write(text)

    def start_all(self):
        self.start_hub()
        self.start_caddy()
        try:
            page.wait_for("the hub", lambda: Visitor(self).ask("/hub/health")[0] == 200, 60)
        except RuntimeError:
            self.show_logs()
            raise

    def show_logs(self):
        for log in sorted(pathlib.Path(self.folder).glob("*.log")):
            print(f"{log.name}:", *log.read_text().splitlines()[-20:], sep="\n    ", file=sys.stderr)

    def start_hub(self):
        with open(f"{PROJECT}/images/hub/etc/systemd/system/imagegen-proxy.service") as unit:
            command = next(line for line in unit if line.startswith("ExecStart="))[len("ExecStart=") :]
        with open(setup.PROXY) as file:
            options = file.read().strip().partition("=")[2]
        command = command.replace("/opt/proxy", self.proxy).replace("$PROXY_OPTIONS", options)
        self.start("proxy", ["node", *shlex.split(command)[1:]])
        config = f"{PROJECT}/tests/browser/hub_config.py"
        self.start("jupyterhub", [sys.executable, "-B", "-P", "-m", "jupyterhub", "--config", config])

    def start_caddy(self, settings=("--config", setup.CADDYFILE, "--adapter", "caddyfile")):
        self.web_server = self.start("caddy", [self.caddy, "run", *settings], XDG_DATA_HOME=f"{self.folder}/web")

    def restart_caddy(self, *settings):
        self.stop(self.web_server)
        self.start_caddy(*settings)

    def stop(self, process):
        process.terminate()
        process.wait()
        self.running.remove(process)

    def start(self, name, command, **more):
        own = {"STACK": self.folder, "PROJECT": PROJECT, "HOME": self.folder, "CREDENTIALS_DIRECTORY": "/etc/imagegen"}
        with open(f"{self.folder}/{name}.log", "a") as log:
            environment = {**os.environ, **TOKENS, **own, **more}
            process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=self.folder)
        self.running.append(process)
        return process

    def __exit__(self, *_):
        for process in reversed(self.running):
            process.terminate()
        for process in self.running:
            process.wait()

    @property
    def page(self):
        return f"https://{self.web['domain'] or ADDRESS}"

    def server(self, name):
        """Where a student's server is."""
        host = f"{name}.{DOMAIN}" if self.web.get("subdomains") else self.web["domain"] or ADDRESS
        return f"https://{host}/user/{name}/"


class Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


class Visitor:
    """A browser without scripts, which shows what it is answered."""

    def __init__(self, stack):
        self.stack, self.cookies = stack, http.cookiejar.CookieJar()
        context = ssl._create_unverified_context()
        self.handlers = (urllib.request.HTTPCookieProcessor(self.cookies), urllib.request.HTTPSHandler(context=context))

    def ask(self, path, data=None, headers=(), stay=False):
        """Status, body and headers of the answer, after redirections unless told to stay."""
        url = path if path.startswith("https:") else self.stack.page + path
        opener = urllib.request.build_opener(*self.handlers, *([Stay] if stay else []))
        try:
            answer = opener.open(urllib.request.Request(url, data, dict(headers)), timeout=60)
        except urllib.error.HTTPError as error:
            answer = error
        except OSError:
            return None, b"", {}
        with answer:
            return answer.status, answer.read(), answer.headers

    def log_in(self, name):
        self.ask("/hub/login")
        form = {"username": name, "password": "right", "_xsrf": self.cookie("_xsrf")}
        expect(f"{name} logs in", self.ask("/hub/login?next=/hub/home", urllib.parse.urlencode(form).encode())[0], 200)
        return self

    def cookie(self, name):
        return next(cookie.value for cookie in self.cookies if cookie.name == name)

    def start_server(self):
        self.ask("/hub/spawn")
        page.wait_for("the server", lambda: b"The server of" in self.ask("/hub/user-redirect/")[1], 60)
        return self

    def raw(self, target, *lines):
        """The beginning of the answer to a request that no library would send."""
        cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in self.cookies if cookie.path == "/")
        head = [f"GET {target} HTTP/1.1", f"Host: {ADDRESS}", f"Cookie: {cookies}", *lines, "", ""]
        context = ssl._create_unverified_context()
        with socket.create_connection((ADDRESS, 443), 30) as line, context.wrap_socket(line) as page:
            page.sendall("\r\n".join(head).encode())
            return page.recv(65536).decode()

    def without(self, start):
        """The same visitor without some of the cookies."""
        other = Visitor(self.stack)
        for cookie in self.cookies:
            if not cookie.name.startswith(start):
                other.cookies.set_cookie(cookie)
        return other


# Ways to write the attacker's page that some server on the way might take for it.
DISGUISES = (
    PLOT,
    f"/{PLOT}",
    f"//x{PLOT}",
    f"http://x{PLOT}",
    f"/%75ser/{ATTACKER}/plot.html",
    f"/user/{VICTIM}/../{ATTACKER}/plot.html",
    f"/user/{VICTIM}/%2e%2e/{ATTACKER}/plot.html",
    f"/user/{VICTIM}/.%2E/{ATTACKER}/plot.html",
    f"/user/{VICTIM}/..%2f{ATTACKER}/plot.html",
    f"/user/{VICTIM}%2f..%2f{ATTACKER}/plot.html",
    f"/user/{VICTIM}\\..\\{ATTACKER}\\plot.html",
    f"/user\\{ATTACKER}\\plot.html",
    f"/user//{ATTACKER}/plot.html",
    f"/user/./{ATTACKER}/plot.html",
    f"/user/{ATTACKER}%2fplot.html",
    f"/hub/..{PLOT}",
    f"/hub/..%2fuser/{ATTACKER}/plot.html",
    f"/hub%2f..{PLOT}",
)


def class_of(stack):
    """Attacker, victim and organiser, with a server each."""
    return [Visitor(stack).log_in(name).start_server() for name in (ATTACKER, VICTIM, ORGANISER)]


def opened(browser, url):
    """Where a browser is led, and the page's result."""
    browser.go(url)
    browser.find("h1, #result")
    page.wait_for("the page's script", lambda: browser.says("body") != "Loading", 60)
    return browser.place().partition("?")[0], " ".join(browser.says("body").split())


def log_in(browser, stack, name):
    browser.log_in(f"{stack.page}/hub/login", name)
    browser.click("#login_submit")
    page.wait_for("the end of the login", lambda: "/hub/login" not in browser.place(), 60)
    return browser


def test_control(tools, driver):
    """Without the gate, and with one host name for all, a look at the page is enough."""
    gate = web.GATE % f"{ADDRESS}:8081"
    with Stack(*tools, {}, lambda text: text.replace(gate, "")) as stack:
        class_of(stack)
        for name in (VICTIM, ORGANISER):
            browser = log_in(page.Browser(driver), stack, name)
            place, result = opened(browser, stack.page + PLOT)
            expect(f"{name} without the gate", result, f"201 for {name}")
            browser.close()


def test_subdomains(tools, driver):
    """With a host name for each, the page is open to all, and what it tries fails."""
    with Stack(*tools, {"domain": DOMAIN, "subdomains": True}) as stack:
        class_of(stack)
        for name in (VICTIM, ORGANISER):
            browser = log_in(page.Browser(driver), stack, name)
            expect(
                f"{name} with host names",
                opened(browser, f"{stack.server(ATTACKER)}plot.html"),
                (f"{stack.server(ATTACKER)}plot.html", "failed: TypeError: Failed to fetch"),
            )
            expect(
                "the hub at a student's name",
                opened(browser, f"https://{ATTACKER}.{DOMAIN}/hub/home")[0],
                f"{stack.page}/hub/home",
            )
            browser.close()


def test_gate(tools, driver):
    """The page is shown to its owner. An organiser is asked first."""
    with Stack(*tools, {}) as stack:
        _, victim, _ = class_of(stack)
        browser = log_in(page.Browser(driver), stack, VICTIM)
        place, text = opened(browser, stack.page + PLOT)
        expect("the victim is led to", (place, "somebody else's server" in text), (f"{stack.page}/hub/enter", True))
        wanted = (stack.server(VICTIM), f"The server of /user/{VICTIM}/")
        expect("the victim's own server", opened(browser, stack.server(VICTIM)), wanted)
        browser.close()
        browser = log_in(page.Browser(driver), stack, ORGANISER)
        place, text = opened(browser, stack.page + PLOT)
        expect("the organiser is asked", (place, "in your name" in text), (f"{stack.page}/hub/enter", True))
        opened(browser, stack.server(ATTACKER))
        browser.click("#enter")
        browser.wait_for("#result", f"The server of /user/{ATTACKER}/")
        browser.close()
        disguised(stack, victim)
        tokens(victim)
        passed_on(victim)
        limits(victim)
        leaving(victim)


def disguised(stack, victim):
    for target in DISGUISES:
        for visitor in (victim, Visitor(stack)):
            answer = visitor.raw(target, "Connection: close")
            if "take()" in answer or not answer.startswith("HTTP/1.1 "):
                raise RuntimeError(f"{target} gets {answer!r}")
    print(f"  nothing in {len(DISGUISES)} disguises", flush=True)


def tokens(victim):
    """Programs show a token; a link, which a browser follows, cannot."""
    victim.ask("/hub/token")
    headers = {"X-XSRFToken": victim.cookie("_xsrf"), "Content-Type": "application/json"}
    token = json.loads(victim.ask(f"/hub/api/users/{VICTIM}/tokens", b"{}", headers)[1])["token"]
    program, own, other = Visitor(victim.stack), f"/user/{VICTIM}/seen", f"/user/{ATTACKER}/seen"
    for scheme in ("token", "Bearer"):
        shown = {"Authorization": f"{scheme} {token}"}
        expect(f"a program with a {scheme}", program.ask(own, headers=shown, stay=True)[0], 200)
        expect(f"a program with a {scheme} elsewhere", program.ask(other, headers=shown, stay=True)[0], 403)
    expect("a token in an address", program.ask(f"{own}?token={token}", stay=True)[0], 302)
    expect("a wrong token", program.ask(own, headers={"Authorization": "token x"}, stay=True)[0], 403)
    expect("no token", program.ask(own, headers={"Sec-Fetch-Mode": "cors"}, stay=True)[0], 403)


def passed_on(victim):
    """What reaches the program, and what comes back from it."""
    lies = {"X-Scheme": "http", "X-Real-Ip": "1.2.3.4", "Forwarded": "for=1.2.3.4", "X-Forwarded-For": "1.2.3.4"}
    status, body, headers = victim.ask(f"/user/{VICTIM}/seen", headers=lies)
    seen = {name.lower(): value for name, value in json.loads(body).items()}
    expect("who it is", (seen["x-forwarded-for"], seen["x-forwarded-proto"]), (ADDRESS, "https"))
    expect("lies", {"x-scheme", "x-real-ip", "forwarded", "x-forwarded-port"} & set(seen), set())
    expect("the pass", ("__Host-gate" in seen["cookie"], "jupyterhub-session-id" in seen["cookie"]), (False, True))
    claims = {"service-worker-allowed", "clear-site-data", "strict-transport-security", "alt-svc", "nel"}
    expect("claims", claims & {name.lower() for name in headers}, set())
    folder = f"Path=/user/{VICTIM}/"
    cookies = [f"path=1; {folder}", f"domain=1; Secure; {folder}", f"own=1; HttpOnly; {folder}"]
    expect("cookies", headers.get_all("Set-Cookie"), cookies)
    upgrade = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: eA==")
    expect("a WebSocket", victim.raw(f"/user/{VICTIM}/", *upgrade).split()[1], "101")
    upgrade += ("Sec-Fetch-Mode: websocket",)
    expect("another's WebSocket", victim.raw(f"/user/{ATTACKER}/", *upgrade).split()[1], "403")


def limits(victim):
    """Uploads are large; what the hub reads is not."""
    megabytes = bytes(3_000_000)
    _, body, _ = victim.ask(f"/user/{VICTIM}/seen", megabytes)
    expect("an upload", json.loads(body)["received"], len(megabytes))
    expect("an upload to the hub", victim.raw("/hub/login", "Content-Length: 1000000").split()[1], "413")


def leaving(victim):
    """A copy of the cookies is worth nothing once its owner has gone."""
    own = f"/user/{VICTIM}/seen"
    copy, robbed = victim.without("nothing"), victim.without("jupyterhub-session-id")
    expect("before", [it.ask(own, stay=True)[0] for it in (copy, robbed)], [200, 302])
    victim.ask("/hub/logout")
    expect("after", [it.ask(own, stay=True)[0] for it in (copy, victim)], [302, 302])


def main(caddy, proxy, folder, *names):
    passwords = {name: "right" for name in (ATTACKER, VICTIM, ORGANISER)}
    os.environ["IMAGEGEN_PASSWORDS"] = json.dumps(passwords)
    with page.started_driver() as driver:
        for name in names or ("gate", "subdomains", "control"):
            print(f"{name}:", flush=True)
            globals()[f"test_{name}"]((caddy, proxy, f"{folder}-{name}"), driver)
    print("a student's page takes over nobody, and would without what keeps it from that")


if __name__ == "__main__":
    main(*sys.argv[1:])
