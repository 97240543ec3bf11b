"""Who may pass to a student's server. All servers share an origin with the hub's own pages, where a script of one of
them could do whatever the visitor may: Caddy asks here about each request, and a browser gets a pass for one server,
for as long as its session with the hub lasts."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote, urlencode

from jupyterhub import orm
from jupyterhub.handlers import BaseHandler
from jupyterhub.scopes import get_scopes_for, has_scope
from tornado import web

# Only the hub itself can set a cookie of this prefix, and no page on a neighbouring host can (RFC 6265bis, 4.1.3.2).
# Caddy takes it out of what it passes on.
COOKIE = "__Host-gate-"
LIFETIME = 86400  # seconds: an older pass is replaced on the way
NOTE = "A browser at the gate of {}'s server"
SERVER = re.compile(r"/user/([^/\\%?#]+)(?:/.*)?", re.DOTALL)
REFUSAL = "This is somebody else's server: it is open to its owner only. Yours is behind the button Home."


def owner_of(uri: str) -> str | None:
    """Whose server the proxy would take this to. It resolves `..` in all its disguises. Browsers have done that before
    they ask, and so nothing honest has one."""
    path = uri.partition("?")[0]
    if ".." in unquote(path).replace("\\", "/").split("/"):
        return None
    found = SERVER.fullmatch(path)
    return found[1] if found else None


def access(owner: str) -> str:
    """JupyterHub's name for the right to enter."""
    return f"access:servers!server={owner}/"


def end_passes(_: object, handler: Any, authentication: dict[str, Any]) -> dict[str, Any]:
    """Whoever logs in where somebody else was leaves nothing open that the other had opened: JupyterHub keeps the
    browser's session as it was. A hook of the authenticator."""
    if session := handler.get_session_cookie():
        for token in handler.db.query(orm.APIToken).filter_by(session_id=session):
            if token.user is None or token.user.name != authentication["name"]:
                handler.db.delete(token)
        handler.db.commit()
    return authentication


class Gate(BaseHandler):
    """At /hub/gate, for Caddy: lets a request pass, or tells the browser where it gets a pass."""

    _accept_token_auth = True
    _accept_cookie_auth = False

    async def get(self) -> None:
        """Says yes with a 204."""
        uri = self.request.headers.get("X-Forwarded-Uri", "")
        owner = owner_of(uri)
        if owner is None:
            self.set_status(404)
        elif self.has_scope(access(owner)) or self.has_pass(owner):
            self.set_status(204)
        elif self.wants_page():
            self.redirect(f"{self.hub.base_url}enter?{urlencode({'next': uri})}")
        else:
            self.set_status(403)

    def has_pass(self, owner: str) -> bool:
        """Whether the browser has one, in the session that it was given for. It ends with the session, and it is worth
        what its holder may do at this moment."""
        token = orm.APIToken.find(self.db, self.get_cookie(COOKIE + owner) or "")
        if token is None or not token.session_id or token.session_id != self.get_session_cookie():
            return False
        return bool(has_scope(access(owner), get_scopes_for(token), db=self.db))

    def wants_page(self) -> bool:
        """Whether somebody sees the answer. A program learns that it was refused."""
        headers = self.request.headers
        shown = headers.get("X-Forwarded-Method") == "GET" and headers.get("Sec-Fetch-Mode", "navigate") == "navigate"
        return bool(shown and "Authorization" not in headers)


class Entry(BaseHandler):
    """At /hub/enter: gives a browser its pass, and sends it to where it was going."""

    @web.authenticated
    async def get(self) -> None:
        """One's own server opens by itself. Whoever may enter another's is asked first: a link is no intention."""
        owner, place = self.destination()
        if owner == self.current_user.name:
            self.let_in(owner, place)
        else:
            self.finish(await self.render_template("enter.html", owner=owner, place=place))

    @web.authenticated
    async def post(self) -> None:
        """The answer to that question."""
        self.let_in(*self.destination())

    def destination(self) -> tuple[str, str]:
        """Whose server, and where in it."""
        place = self.get_argument("next", "")
        owner = owner_of(place)
        if owner is None or not self.has_scope(access(owner)):
            raise web.HTTPError(403, REFUSAL)
        return owner, place

    def let_in(self, owner: str, place: str) -> None:
        """The pass is a token of the hub that opens this server and nothing else, and that logging out revokes."""
        token = self.current_user.new_api_token(
            note=NOTE.format(owner),
            scopes=[access(owner)],
            session_id=self.get_session_cookie(),
            expires_in=LIFETIME,
        )
        self.set_cookie(COOKIE + owner, token, path="/", secure=True, httponly=True, samesite="Lax")
        self.redirect(place)
