"""Users for the tests of sharing: Alice owns, Bob was given access, Charlie and Dana were not."""

from dataclasses import replace
from datetime import UTC, datetime

from conftest import browser
from flask import Flask
from flask.testing import FlaskClient

from minifile.identity import Account, Scope
from minifile.services.user_sessions import SessionTimes, open_session
from minifile.services.users import create_user
from minifile.values import Visitor

_ANYBODY = Visitor(None, "192.0.2.1", "192.0.2.1", "curl/8.5.0")


def make_account(name: str, *, email: str | None = None) -> Account:
    """Make a user who signs in by other means than a password, and return who they are."""
    user = create_user(name, email=email, password=None, now=datetime.now(UTC))
    return Account(user.id, user.name, user.role, frozenset(Scope), session_id=1)


def visitor_of(account: Account) -> Visitor:
    """Return a user's browser, which keeps its cookie."""
    return replace(_ANYBODY, browser=f"{account.id:032}", account=account)


def sign_in(app: Flask, account: Account, address: str = "192.0.2.2") -> FlaskClient:
    """Return a browser in which a user is signed in, as a visit to the sign-in page leaves it."""
    client = browser(app, address)
    client.get("/")
    nonce = nonce_of(app, account)
    with client.session_transaction() as session:
        session["account"] = nonce
    return client


def nonce_of(app: Flask, account: Account) -> str:
    """Open a session, and return what its cookie holds."""
    settings = app.extensions["minifile"].settings
    times = SessionTimes(settings.session_idle, settings.session_lifetime)
    with app.app_context():
        return open_session(account.id, user_agent="Tests", times=times, now=datetime.now(UTC))
