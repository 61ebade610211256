"""The one cookie: a signed session that holds a random browser id and the forms' token."""

from datetime import timedelta

from flask import Flask, has_request_context, request
from flask.sessions import SecureCookieSessionInterface

COOKIE_LIFETIME = timedelta(days=365)


class BrowserSessions(SecureCookieSessionInterface):
    """Flask's signed cookie, marked Secure wherever the visitor came by https."""

    def get_cookie_secure(self, app: Flask) -> bool:  # noqa: ARG002
        return has_request_context() and request.is_secure


def register(app: Flask) -> None:
    """Set up the cookie of the application."""
    app.session_interface = BrowserSessions()
    app.config.update(
        SESSION_COOKIE_NAME="minifile",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        # Answers that change nothing in it send no cookie.
        SESSION_REFRESH_EACH_REQUEST=False,
        PERMANENT_SESSION_LIFETIME=COOKIE_LIFETIME,
        WTF_CSRF_TIME_LIMIT=None,
    )
