"""The one table from what was refused to a status, and the three forms of saying it."""

import http
import logging
from urllib.parse import urlencode

from flask import Flask, Response, g, jsonify, make_response, redirect, render_template, request
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.exceptions import NotFound as RouteNotFound

from minifile import errors, metering
from minifile.extensions import DATABASE_UNAVAILABLE, first_line
from minifile.services.users import has_users
from minifile.web.current import current_account
from minifile.web.error_notes import note_error
from minifile.web.negotiate import answer_format
from minifile.web.request_ids import shown_request_id

log = logging.getLogger("minifile")

STATUS: dict[type[errors.MinifileError], tuple[int, str]] = {
    errors.BadRequest: (400, "This request can't be understood"),
    errors.BadSignIn: (400, "The sign-in did not work"),
    errors.BadUpload: (400, "The upload is not complete"),
    errors.LinkLocked: (401, "This link has a password"),
    errors.SignInNeeded: (401, "Sign in first"),
    errors.SignInRefused: (401, "Not signed in"),
    errors.Forbidden: (403, "This is not allowed"),
    errors.IdentityRefused: (403, "You may not sign in here"),
    errors.NotFound: (404, "Nothing is here"),
    errors.UploadTooSlow: (408, "The upload was too slow"),
    errors.Conflict: (409, "This no longer fits"),
    errors.IdentityTaken: (409, "These accounts do not go together"),
    errors.UploadExpired: (410, "This upload has expired"),
    errors.LinkExpired: (410, "This link has expired"),
    errors.LinkRevoked: (410, "This link has been revoked"),
    errors.LinkTakenDown: (410, "This link has been taken down"),
    errors.LinkExhausted: (410, "No downloads are left"),
    errors.TooLateToUndo: (410, "Too late to undo"),
    errors.LinkGone: (410, "This link has ended"),
    errors.InvitationOver: (410, "This invitation is over"),
    errors.ResetOver: (410, "This address is over"),
    errors.WrongVersion: (412, "This version of tus is not supported"),
    errors.TooLarge: (413, "This is too large"),
    errors.QuotaExceeded: (413, "There is no room left for this"),
    errors.TypeRefused: (415, "This type of file is not accepted"),
    errors.ContentBlocked: (415, "This file is not accepted"),
    errors.WrongContentType: (415, "The body has the wrong content type"),
    errors.BadOption: (422, "An option is not possible"),
    errors.DigestMismatch: (422, "The file did not arrive as it was sent"),
    errors.UploadHeld: (423, "The upload is in use"),
    errors.BlobHeld: (423, "The upload is in use"),
    errors.TooManyTries: (429, "Too many tries"),
    errors.ChecksumMismatch: (460, "The part did not arrive as it was sent"),
    errors.ServiceBusy: (503, "The server is busy"),
    errors.ProviderUnavailable: (503, "Signing in is not possible just now"),
    errors.StorageFull: (507, "There is no space left"),
    errors.StorageUnavailable: (503, "The storage does not answer"),
    errors.SchemaOutdated: (503, "The server is being upgraded"),
    errors.BlobMissing: (500, "The file can't be read"),
    errors.ConfigError: (500, "The server is not set up well"),
    errors.MinifileError: (500, "Something went wrong"),
}
_UNSHOWN = (errors.BlobMissing, errors.ConfigError)
# What an admin should hear of, besides what nobody expected.
_NOTED = (*_UNSHOWN, errors.StorageFull, errors.StorageUnavailable)
_SORRY = "Something went wrong on the server. It has been written to the log; try again later."


def register(app: Flask) -> None:
    """Answer every error of the application in the form that the visitor asked for."""
    app.register_error_handler(errors.MinifileError, answer_refusal)
    app.register_error_handler(HTTPException, _answer_http_error)
    app.register_error_handler(Exception, _answer_unexpected)
    for kind in DATABASE_UNAVAILABLE:
        app.register_error_handler(kind, _answer_without_database)


def status_of(error: errors.MinifileError) -> tuple[int, str]:
    """Return status and title of an error: its own, or those of its nearest parent."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def answer_refusal(error: errors.MinifileError) -> Response:
    """Answer an expected failure."""
    if isinstance(error, errors.SignInNeeded) and _may_sign_in(error):
        asked = urlencode({"next": request.full_path.rstrip("?")})
        return make_response(redirect(f"/login?{asked}", 303))
    status, title = status_of(error)
    message = str(error)
    if isinstance(error, _UNSHOWN):
        log.error("link %s: %s", g.get("link_id", "-"), error)
        message = _SORRY
    if isinstance(error, _NOTED):
        note_error(type(error).__name__)
    # The same for all unknown addresses, so that it tells nothing of any of them.
    asks_who = isinstance(error, errors.LinkNotFound) and _could_sign_in()
    response = say(status, title, message, asks_who=asks_who)
    if isinstance(error, errors.SignInNeeded):
        response.headers["WWW-Authenticate"] = 'Bearer realm="minifile"'
    say_when_to_retry(response, error)
    if isinstance(error, errors.WrongOffset):
        response.headers["Upload-Offset"] = str(error.offset)
    return response


def _may_sign_in(error: errors.SignInNeeded) -> bool:
    """Say whether a person asks for a page, who comes back to it after signing in."""
    is_page = request.method == "GET" and answer_format() == "html"
    return is_page and not isinstance(error, errors.TokenRefused)


def say_when_to_retry(response: Response, error: errors.MinifileError) -> None:
    """Add Retry-After for what may be otherwise in a while."""
    if isinstance(error, errors.TooManyTries):
        response.headers["Retry-After"] = str(int(error.retry_after.total_seconds()))
    away = (errors.ServiceBusy, errors.StorageUnavailable, errors.ProviderUnavailable)
    if isinstance(error, away):
        response.headers["Retry-After"] = "5"
    if isinstance(error, (errors.UploadNotReady, errors.UploadHeld)):
        response.headers["Retry-After"] = "1"


def say(status: int, title: str, message: str, *, asks_who: bool = False) -> Response:
    """Return an error as a page, as a problem (RFC 9457) or as one line of text.

    With `asks_who` the page says that signing in may help.
    """
    chosen, request_id = answer_format(), shown_request_id(status)
    if chosen == "html":
        page = render_template(
            "error.html",
            status=status,
            title=title,
            message=message,
            asks_who=asks_who,
            request_id=request_id,
        )
        response = make_response(page, status)
    elif chosen == "json":
        named = {} if request_id is None else {"request_id": request_id}
        response = jsonify(type="about:blank", title=title, status=status, detail=message, **named)
        response.status_code = status
        response.content_type = "application/problem+json"
    else:
        # Whoever reads one line in a shell can do something with the id only if we are to blame.
        line = f"{message} (request {request_id})" if status >= 500 else message
        response = Response(f"{line}\n", status, content_type="text/plain; charset=utf-8")
    response.vary.update(("Accept", "User-Agent"))
    return response


def _could_sign_in() -> bool:
    """Say whether somebody asks who is not signed in, but could be."""
    try:
        return current_account() is None and has_users()
    except (errors.MinifileError, *DATABASE_UNAVAILABLE):
        # An error page says what is wrong, and must not fail over it again.
        return False


def _answer_http_error(error: HTTPException) -> Response:
    if _is_unknown_address(error):
        # The same bytes as for an unknown code.
        return answer_refusal(errors.LinkNotFound())
    if isinstance(error, CSRFError):
        message = "The form is too old, or the browser keeps no cookies. Reload the page."
        return say(400, "The form could not be checked", message)
    status = error.code or 500
    response = say(status, http.HTTPStatus(status).phrase, error.description or _SORRY)
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        response.headers["Allow"] = ", ".join(sorted(error.valid_methods))
    return response


def _is_unknown_address(error: HTTPException) -> bool:
    """PUT takes any name, so what can only be put to is no address to who wants to read."""
    if isinstance(error, MethodNotAllowed):
        return request.method in ("GET", "HEAD")
    return isinstance(error, RouteNotFound)


def _answer_without_database(error: Exception) -> Response:
    log.error("the database does not answer: %s", first_line(error))
    metering.count(metering.ERRORS, "DatabaseUnavailable")
    # The page must not wait for it once more, to find out who is signed in.
    g.account, g.can_sign_in = None, False
    return answer_refusal(errors.ServiceBusy())


def _answer_unexpected(error: Exception) -> Response:
    """Log what nobody expected, without the address asked for, and say so without details."""
    log.error(
        "%s %s failed (link %s)",
        request.method,
        request.url_rule or "an unknown address",
        g.get("link_id", "-"),
        exc_info=error,
    )
    note_error(type(error).__name__)
    return say(500, "Something went wrong", _SORRY)
