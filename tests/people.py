"""The cast with accounts: Alice and others are users, signed in by a browser or by a token."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cast import press
from conftest import browser, shell
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from minifile.codes import new_token
from minifile.extensions import db
from minifile.identity import BY_SHELL, Scope, UserRole
from minifile.services.api_tokens import create_token
from minifile.services.user_sessions import open_session
from minifile.services.users import UserRecord, create_user, find_user
from minifile.web.current import current_session_times, utcnow

PASSWORD = "correct horse battery staple"
NEW_PASSWORD = "quite another pass phrase"


def make_user(
    app: Flask,
    name: str = "Alice",
    *,
    email: str | None = None,
    password: str | None = None,
    role: UserRole = UserRole.USER,
) -> UserRecord:
    """Make a user who has no password, which takes long to hash, or return the one of this name."""
    with app.app_context():
        found = find_user(name)
        user = found or create_user(
            name, email=email, password=password, role=role, actor=BY_SHELL, now=utcnow()
        )
        db.session.remove()
    return user


def signed_in(app: Flask, user: UserRecord, *, now: datetime | None = None) -> FlaskClient:
    """Return a browser in which the user is signed in, without the page and its rate limits."""
    client = browser(app)
    with app.app_context():
        nonce = open_session(
            user.id, user_agent="Firefox", times=current_session_times(), now=now or utcnow()
        )
        db.session.remove()
    with client.session_transaction() as session:
        session["browser"], session["account"] = new_token(), nonce
    return client


def with_token(
    app: Flask,
    user: UserRecord,
    *scopes: Scope,
    lifetime: Any = None,
    now: datetime | None = None,
) -> FlaskClient:
    """Return a shell that sends an API token of the user; all scopes but admin by default."""
    chosen = scopes or (Scope.UPLOAD, Scope.READ, Scope.MANAGE)
    with app.app_context():
        token, _ = create_token(
            user.id, "script", chosen, lifetime=lifetime, actor=BY_SHELL, now=now or utcnow()
        )
        db.session.remove()
    client = shell(app)
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    return client


def make_user_with_password(app: Flask, name: str, **given: Any) -> UserRecord:
    """Make a user who can sign in by the page; the hash of a password takes its time."""
    return make_user(app, name, **{"password": PASSWORD, **given})


@dataclass
class Person:
    """A browser, and whose it is."""

    app: Flask
    client: FlaskClient
    user: UserRecord | None = None

    def get(self, path: str, **request: Any) -> TestResponse:
        return self.client.get(path, **request)

    def send(self, path: str, *, page: str | None = None, **fields: Any) -> TestResponse:
        """Send a form with the token of the page it stands on."""
        return press(self.client, page or path, path, **fields)

    def sign_in(self, password: str = PASSWORD, **fields: Any) -> TestResponse:
        assert self.user is not None
        return self.send("/login", name=self.user.name, password=password, **fields)

    def elsewhere(self) -> "Person":
        """Sign in once more, in another browser."""
        other = Person(self.app, browser(self.app, "192.0.2.9"), self.user)
        assert other.sign_in().status_code == 303
        return other

    @property
    def is_signed_in(self) -> bool:
        return self.client.get("/account/").status_code == 200


def enter(app: Flask, name: str, address: str = "192.0.2.2", **given: Any) -> Person:
    """Make a user and let them sign in by the page."""
    person = Person(app, browser(app, address), make_user_with_password(app, name, **given))
    assert person.sign_in().status_code == 303
    return person
