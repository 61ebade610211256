"""The world of the authorisation matrix: who asks, for what, and in which state that is."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from cast import Sent, as_sent, change_row
from conftest import shell
from flask import Flask
from flask.testing import FlaskClient
from people import make_user, signed_in, with_token
from sqlalchemy import select

from minifile.extensions import db
from minifile.identity import BY_SHELL, Scope, UserRole
from minifile.models import Grant, Link
from minifile.services.users import UserRecord, disable_user
from minifile.web.current import utcnow

JSON = {"Accept": "application/json"}
WRONG_TOKEN = "x" * 32


class World:
    """Alice owns the links, Bob was granted them, Charlie has nothing, Dora is disabled."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.alice = make_user(app)
        self.bob = make_user(app, "Bob")
        self.charlie = make_user(app, "Charlie")
        self.root = make_user(app, "Root", role=UserRole.ADMIN)
        self.sender = with_token(app, self.alice, Scope.UPLOAD)
        self._shared: dict[str, Sent] = {}
        self._dora = disabled_session(app)
        self._tokens: dict[tuple[int, tuple[Scope, ...], Any], FlaskClient] = {}

    def link(self, state: str, *, is_shared: bool = False) -> Sent:
        """Make a link of Alice's in a state, or return the one that is there for all to read.

        Bob has a grant where it is private.
        """
        if not is_shared:
            return self._make(state)
        if state not in self._shared:
            self._shared[state] = self._make(state)
        return self._shared[state]

    def _make(self, state: str) -> Sent:
        options = _OPTIONS.get(state, {})
        answer = self.sender.put("/a.txt", data=b"alpha", query_string=options, headers=JSON)
        assert answer.status_code == 201, answer.text
        sent = as_sent(answer)
        if "private" in options:
            self._grant(sent.code)
        if state in _ENDS:
            change_row(self.app, sent.code, **_ENDS[state]())
        if state == "never was":
            return Sent("neverwas01", WRONG_TOKEN, sent.json)
        return sent

    def asker(self, who: str, sent: Sent) -> FlaskClient:
        """Return the client of one of ASKERS."""
        return ASKERS[who](self, sent)

    def token(self, user: UserRecord, *scopes: Scope, **times: Any) -> FlaskClient:
        """Return a shell with a token of the user; one is made of a kind."""
        kind = user.id, scopes, tuple(times)
        if kind not in self._tokens:
            self._tokens[kind] = with_token(self.app, user, *scopes, **times)
        return self._tokens[kind]

    def disabled(self) -> FlaskClient:
        """Return the browser of somebody who was disabled after signing in."""
        return self._dora

    def _grant(self, code: str) -> None:
        with self.app.app_context():
            link_id = db.session.scalars(select(Link.id).where(Link.code == code)).one()
            db.session.add(Grant(link_id=link_id, user_id=self.bob.id, created_at=utcnow()))
            db.session.commit()
            db.session.remove()


_OPTIONS: dict[str, dict[str, str]] = {
    "private": {"private": "1"},
    "private, locked": {"private": "1", "password": "word"},
    "locked": {"password": "word"},
    "exhausted": {"max_downloads": "1"},
}
_ENDS: dict[str, Callable[[], dict[str, Any]]] = {
    "exhausted": lambda: {"download_count": 1},
    "expired": lambda: {"expires_at": utcnow() - timedelta(seconds=1)},
    "revoked": lambda: {"state": "revoked"},
    "taken down": lambda: {"state": "revoked", "takedown_reason": "spam"},
}


def _as(user: str) -> Callable[[World, Sent], FlaskClient]:
    return lambda world, _: signed_in(world.app, getattr(world, user))


def _token_of_alice(*scopes: Scope) -> Callable[[World, Sent], FlaskClient]:
    return lambda world, _: world.token(world.alice, *scopes)


def _anonymous(world: World, _: Sent) -> FlaskClient:
    return shell(world.app)


def _with_owner_token(world: World, sent: Sent) -> FlaskClient:
    client = shell(world.app)
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {sent.owner_token}"
    return client


def _expired(world: World, _: Sent) -> FlaskClient:
    day = timedelta(days=1)
    return world.token(world.alice, Scope.READ, lifetime=day, now=utcnow() - day)


def disabled_session(app: Flask) -> FlaskClient:
    dora = make_user(app, "Dora")
    client = signed_in(app, dora)
    with app.app_context():
        disable_user(dora.id, actor=BY_SHELL, now=utcnow())
        db.session.remove()
    return client


ASKERS: dict[str, Callable[[World, Sent], FlaskClient]] = {
    "nobody": _anonymous,
    "owner token": _with_owner_token,
    "owner": _as("alice"),
    "granted": _as("bob"),
    "other": _as("charlie"),
    "disabled": lambda world, _: world.disabled(),
    "admin": _as("root"),
    "t:upload": _token_of_alice(Scope.UPLOAD),
    "t:read": _token_of_alice(Scope.READ),
    "t:manage": _token_of_alice(Scope.MANAGE),
    "t:admin": lambda world, _: world.token(world.root, Scope.ADMIN),
    "t:expired": _expired,
}
