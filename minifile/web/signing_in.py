"""Signing in and out of the one cookie: it holds the nonce of a session, never who that is."""

from contextlib import suppress

from flask import Flask, g, request, session

from minifile.codes import new_token
from minifile.errors import NotFound
from minifile.services.ownership import move_browser
from minifile.services.user_sessions import end_session, open_session
from minifile.web.current import (
    current_account,
    current_actor,
    current_session_times,
    utcnow,
)


def register(app: Flask) -> None:
    """Refuse an API token that does not hold wherever it is shown, before anything else is said."""

    @app.before_request
    def check_token() -> None:
        if "Authorization" in request.headers:
            current_account()


def enter(nonce: str) -> None:
    """Keep the nonce of a new session in the browser's cookie.

    What was in the cookie before may have been planted by somebody else: the forms' token and
    the browser id are made anew, and what the old id had belongs to the new one.
    """
    old = session.get("browser")
    session.clear()
    session.permanent = True
    session["browser"], session["account"] = new_token(), nonce
    if isinstance(old, str):
        move_browser(old, session["browser"])
    g.pop("account", None)


def leave() -> None:
    """Forget the session; the browser keeps what it made before somebody signed in."""
    session.pop("account", None)
    session.pop("csrf_token", None)
    g.pop("account", None)


def enter_as(user_id: int) -> None:
    """Sign a user in, in this browser; whoever was signed in there before is signed out.

    Raises SignInRefused for a disabled user.
    """
    nonce = open_session(
        user_id,
        user_agent=request.headers.get("User-Agent", ""),
        times=current_session_times(),
        now=utcnow(),
    )
    _end_row()
    enter(nonce)


def leave_session() -> None:
    """Sign out: the row of the session goes, so that its cookie is worth nothing any more."""
    _end_row()
    leave()


def _end_row() -> None:
    account = current_account()
    if account is not None and account.session_id is not None:
        # It may have been ended elsewhere just now.
        with suppress(NotFound):
            end_session(account.id, account.session_id, actor=current_actor(), now=utcnow())
