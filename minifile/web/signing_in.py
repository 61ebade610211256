"""Signing in and out of the one cookie: it holds the nonce of a session, never who that is."""

from flask import g, session

from minifile.codes import new_token
from minifile.services.ownership import move_browser


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
