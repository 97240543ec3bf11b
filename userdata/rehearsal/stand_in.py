"""Stands in for Consul and the standalone Swarm in a rehearsal, which has no registry to fetch them from.

It takes the arguments that the real programs take, refuses others, and speaks as much of their protocols as an error
in the order, in an address or in the repair needs to show: Consul's key-value store with sessions, the manager's
election, and a Docker API that is put together from those of the nodes. Swarm 1.2.9 was seen to answer /info at once in
any state, and to keep every other question waiting while it has no leader; and to know no node, after a start, until it
has looked for them in Consul."""

import http.client
import http.server
import json
import os
import re
import sys
import threading
import time
import urllib.parse
import uuid

LEADER, NODES = "docker/swarm/leader", "docker/swarm/nodes/"


def options(words):
    return dict(word.lstrip("-").partition("=")[::2] for word in words if word.startswith("-"))


def seconds(text):
    return int(text.removesuffix("s"))


class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self, status, value):
        body = b"" if value is None else json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Api-Version", "1.30")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_):
        """Nobody reads it."""


def call(method, place, path, value=None, timeout=20):
    """The answer's JSON; fails where there is none, or an error."""
    connection = http.client.HTTPConnection(place, timeout=timeout)
    try:
        connection.request(method, path, None if value is None else json.dumps(value))
        response = connection.getresponse()
        text = response.read()
    finally:
        connection.close()
    if response.status != 200:
        raise OSError(f"{place}{path}: {response.status} {text.decode()}")
    return json.loads(text)


class Store:
    """Consul's keys, each with its value and the session that holds it. It writes nothing: an id in the data folder is
    not its own, and breaks it."""

    def __init__(self, folder):
        self.broken = os.path.join(folder, "node-id")
        self.keys, self.sessions, self.lock = {}, {}, threading.Lock()

    def request(self, method, path, query, body):
        broken = os.path.exists(self.broken)
        if path == "/v1/status/leader":
            return 200, "" if broken else "127.0.0.1:8300"
        if broken:
            return 500, "rpc error: No cluster leader"
        with self.lock:
            gone = [session for session, (until, _) in self.sessions.items() if until < time.monotonic()]
            for session in gone:
                del self.sessions[session]
            self.keys = {key: kept for key, kept in self.keys.items() if kept[1] not in gone}
            return self.serve(method, path, query, body)

    def serve(self, method, path, query, body):
        if path == "/v1/session/create":
            ttl = seconds(json.loads(body)["TTL"])
            if ttl < 10:
                return 400, "Invalid Session TTL"
            session = str(uuid.uuid4())
            self.sessions[session] = time.monotonic() + ttl, ttl
            return 200, {"ID": session}
        if path.startswith("/v1/session/renew/"):
            session = path.rsplit("/", 1)[1]
            if session not in self.sessions:
                return 404, "no such session"
            ttl = self.sessions[session][1]
            self.sessions[session] = time.monotonic() + ttl, ttl
            return 200, [{"ID": session}]
        key = path.removeprefix("/v1/kv/")
        if method == "PUT":
            session = query["acquire"][0]
            free = session in self.sessions and self.keys.get(key, (None, session))[1] == session
            if free:
                self.keys[key] = json.loads(body), session
            return 200, free
        return 200, {name: value for name, (value, _) in self.keys.items() if name.startswith(key)}


def consul(words):
    given = options(words)
    if "server" not in given or given.get("bootstrap-expect") != "1" or given.get("bind") != "127.0.0.1":
        sys.exit(f"consul: not a single server that keeps to itself: {words}")
    os.makedirs(given["data-dir"], exist_ok=True)
    store = Store(given["data-dir"])

    class Api(Handler):
        def do_GET(self):
            url = urllib.parse.urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.answer(*store.request(self.command, url.path, urllib.parse.parse_qs(url.query), body))

        do_PUT = do_GET

    http.server.ThreadingHTTPServer((given["client"], 8500), Api).serve_forever()


class Candidate:
    """Holds a key in Consul for as long as Consul lets it, and tries again for ever."""

    def __init__(self, place, key, value, ttl):
        self.place, self.key, self.value, self.ttl = place, key, value, ttl
        self.holds, self.session = False, None

    def run(self, pause):
        while True:
            try:
                self.step()
            except (OSError, ValueError, http.client.HTTPException) as error:
                self.holds, self.session = False, None
                print(f"{self.key}: {error}", flush=True)
            time.sleep(pause)

    def step(self):
        if self.session is None:
            self.session = call("PUT", self.place, "/v1/session/create", {"TTL": f"{self.ttl}s"})["ID"]
        call("PUT", self.place, f"/v1/session/renew/{self.session}")
        self.holds = call("PUT", self.place, f"/v1/kv/{self.key}?acquire={self.session}", self.value)


def store_place(words):
    kind, _, place = words[-1].partition("://")
    if kind != "consul" or not place.endswith(":8500"):
        sys.exit(f"swarm: no key-value store at the end of {words}")
    return place


def join(words):
    given, place = options(words), store_place(words)
    ttl, heartbeat = seconds(given["ttl"]), seconds(given["heartbeat"])
    if not given["advertise"].endswith(":2375") or ttl < 20 or heartbeat >= ttl:
        sys.exit(f"join: {words}")
    Candidate(place, NODES + given["advertise"], given["advertise"], ttl).run(heartbeat)


def relay(node, method, path, body=None):
    """Status and JSON, or text, of a node's answer."""
    connection = http.client.HTTPConnection(node, timeout=60)
    try:
        connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
        response = connection.getresponse()
        text = response.read().decode()
    finally:
        connection.close()
    return response.status, json.loads(text) if text.strip() else None


class Cluster:
    """The nodes that Consul knew when it was asked last, as one Docker."""

    def __init__(self, place, heartbeat):
        self.place, self.nodes = place, []
        self.said, self.lost = {}, set()  # what nodes said of themselves, and which do not answer
        threading.Thread(target=self.discover, args=(heartbeat,), daemon=True).start()

    def discover(self, heartbeat):
        """A Consul that is gone changes nothing; one that has forgotten a node takes it away."""
        while True:
            try:
                found = sorted(call("GET", self.place, f"/v1/kv/{NODES}").values())
                self.look(found)
                self.nodes = found
            except (OSError, ValueError, http.client.HTTPException) as error:
                print(f"discovery: {error}", flush=True)
            time.sleep(heartbeat)

    def look(self, nodes):
        """Asks each node how it is: what is said of nodes is said from memory."""
        for node in nodes:
            try:
                self.said[node] = call("GET", node, "/info", timeout=5)
                self.lost.discard(node)
            except (OSError, ValueError, http.client.HTTPException):
                self.lost.add(node)

    def known(self):
        """Nodes with what they said of themselves."""
        return [(node, self.said[node]) for node in self.nodes if node in self.said]

    def reachable(self):
        """The same of those that answered last."""
        return [(node, said) for node, said in self.known() if node not in self.lost]

    def info(self, primary):
        """What `docker info` shows: of the manager itself, and a line for each node."""
        own = [["Role", "primary"]] if primary else [["Role", "replica"], ["Primary", ""]]
        known = self.known()
        rows = [*own, ["Nodes", str(len(known))]]
        for node, said in known:
            memory = f"0 B / {said['MemTotal'] / 2**30:.4g} GiB"
            rows += [
                [f" {said['Name']}", node],
                ["  └ Status", "Unhealthy" if node in self.lost else "Healthy"],
                ["  └ Reserved CPUs", f"0 / {said['NCPU']}"],
            ]
            rows += [["  └ Reserved Memory", memory], ["  └ Error", "(none)"]]
        total = {key: sum(said[key] for _, said in known) for key in ("NCPU", "MemTotal")}
        return {"Name": "manager", "SystemStatus": rows, **total}

    def containers(self, query):
        """Those of all nodes, each under its node's name."""
        found = []
        for node, said in self.reachable():
            for container in call("GET", node, f"/containers/json?{query}"):
                container["Names"] = [f"/{said['Name']}{inner}" for inner in container["Names"]]
                found.append(container)
        return found

    def emptiest(self):
        known = [node for node, _ in self.reachable()]
        return min(known, key=lambda node: len(call("GET", node, "/containers/json")), default=None)

    def owner(self, name):
        known = (node for node, _ in self.reachable())
        return next((node for node in known if relay(node, "GET", f"/containers/{name}/json")[0] == 200), None)

    def create(self, path, query, body):
        """A container where the fewest are. A name is one container's in the whole cluster."""
        name = urllib.parse.parse_qs(query).get("name", [""])[0]
        if name and self.owner(name):
            return 409, {"message": f"Conflict: The name {name} is already assigned."}
        node = self.emptiest()
        if node is None:
            return 500, {"message": "No healthy node available in the cluster"}
        return relay(node, "POST", f"{path}?{query}", body)

    def answer(self, method, path, query, body):
        """What the manager says to a request about containers, or about itself."""
        if path == "/version":
            return relay(self.nodes[0], "GET", "/version")
        if path == "/containers/json":
            return 200, self.containers(query)
        if path == "/containers/create":
            return self.create(path, query, body)
        if not path.startswith("/containers/"):
            return 404, {"message": "page not found"}
        return self.container(method, path, query, body)

    def container(self, method, path, query, body):
        """What its node says, but for errors of a removal: they are the manager's own."""
        name = path.split("/")[2]
        node = self.owner(name)
        if node is None:
            return 404, {"message": f"No such container: {name}"}
        status, value = relay(node, method, f"{path}?{query}", body)
        if method == "DELETE" and status >= 400:
            return 500, value
        if status == 200 and path.endswith("/json"):
            # A port that is open at every address of a node is open at the node's own one to whoever asks the manager.
            for ports in (value["NetworkSettings"]["Ports"] or {}).values():
                for port in ports or []:
                    port["HostIp"] = node.partition(":")[0]
        return status, value


def manage(words):
    place, given = store_place(words), options(words)
    known = {"H", "replication", "advertise", "heartbeat", "engine-refresh-min-interval", "engine-refresh-max-interval"}
    if words[:2] != ["-H", ":4000"] or words[2] != "--replication" or words[3] != "--advertise" or set(given) - known:
        sys.exit(f"manage: {words}")
    candidate = Candidate(place, LEADER, words[4], 20)
    threading.Thread(target=candidate.run, args=(5,), daemon=True).start()

    cluster = Cluster(place, seconds(given.get("heartbeat", "60s")))

    class Api(Handler):
        def do_GET(self):
            url = urllib.parse.urlsplit(self.path)
            path = re.sub(r"^/v1\.\d+(?=/)", "", url.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if path == "/_ping":
                return self.answer(200, "OK")
            if path == "/info":
                return self.answer(200, cluster.info(candidate.holds))
            while not candidate.holds:
                time.sleep(0.5)
            try:
                return self.answer(*cluster.answer(self.command, path, url.query, body))
            except (OSError, ValueError, http.client.HTTPException) as error:
                return self.answer(500, {"message": str(error)})

        do_HEAD = do_POST = do_DELETE = do_GET

    http.server.ThreadingHTTPServer(("", 4000), Api).serve_forever()


if __name__ == "__main__":
    {"agent": consul, "manage": manage, "join": join}[sys.argv[1]](sys.argv[2:])
