"""The cast with accounts: Alice and others are users, signed in by a browser or by a token."""

from datetime import datetime
from typing import Any

from conftest import browser, shell
from flask import Flask
from flask.testing import FlaskClient

from minifile.codes import new_token
from minifile.extensions import db
from minifile.identity import BY_SHELL, Scope, UserRole
from minifile.services.api_tokens import create_token
from minifile.services.user_sessions import open_session
from minifile.services.users import UserRecord, create_user, find_user
from minifile.web.current import current_session_times, utcnow


def make_user(
    app: Flask, name: str = "Alice", *, role: UserRole = UserRole.USER, **more: Any
) -> UserRecord:
    """Make a user who has no password, which takes long to hash, or return the one of this name."""
    with app.app_context():
        found = find_user(name)
        user = found or create_user(
            name, password=None, role=role, actor=BY_SHELL, now=utcnow(), **more
        )
        db.session.remove()
    return user


def signed_in(app: Flask, user: UserRecord, *, now: datetime | None = None) -> FlaskClient:
    """Return a browser in which the user is signed in."""
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
