"""The stranger's page of a file request: the form, `curl -F`, `curl -T`, and its password."""

from functools import partial

from flask import Blueprint, Response, make_response, render_template, request, url_for

from minifile.errors import (
    LinkGone,
    LinkLocked,
    LinkNotFound,
    MinifileError,
)
from minifile.extensions import exempt_from_csrf
from minifile.file_requests import answers, receiving
from minifile.file_requests.forms import refuse_unknown
from minifile.services.request_access import (
    check_request_unlocked,
    find_open_request,
    request_tries_left,
    unlock_request,
)
from minifile.services.request_rows import RequestRecord
from minifile.values import Visitor
from minifile.web.answering import answering
from minifile.web.bodies import end_unread_body
from minifile.web.current import (
    check_same_site,
    current_rates,
    current_visitor,
    ensure_browser,
    utcnow,
)
from minifile.web.error_pages import answer_refusal, say_when_to_retry, status_of
from minifile.web.negotiate import answer_format
from minifile.web.unlocking import UnlockForm, answer_unlock, ask_by_basic

bp = Blueprint("submissions", __name__, url_prefix="/r")
bp.after_request(end_unread_body)


@bp.get("/<code:request_code>/")
@bp.get("/<code:request_code>")
def show(request_code: str) -> Response:
    """Show what is asked for, with the form; a shell is told what to type."""
    visitor = current_visitor()
    found = _unlocked(request_code, visitor)
    if answer_format() == "html":
        ensure_browser()
    response = answers.facts(found, visitor)
    response.vary.update(("Accept", "User-Agent"))
    return response


@bp.post("/<code:request_code>/")
@bp.post("/<code:request_code>")
@exempt_from_csrf  # Judged by headers, as every upload.
def create(request_code: str) -> Response:
    """Receive a form: files in fields of any name, besides what the sender says."""
    found = answering(request_code)
    try:
        return receiving.receive_form(found)
    except (LinkNotFound, LinkGone):
        raise
    except MinifileError as error:
        return _refused(found.request, found.visitor, error)


@bp.put("/<code:request_code>/<filename>")
@bp.put("/<code:request_code>/")
@bp.put("/<code:request_code>")
@exempt_from_csrf  # Judged by headers, as every upload.
def put(request_code: str, filename: str = "") -> Response:
    """Receive one file as the body."""
    found = answering(request_code)
    return receiving.receive_file(found, filename)


@bp.post("/<code:request_code>/unlock")
def unlock(request_code: str) -> Response:
    """Take the password from the form and remember the browser that gave it."""
    check_same_site()
    visitor, rates = current_visitor(), current_rates()
    found = find_open_request(request_code, visitor, rates=rates, now=utcnow())
    refuse_unknown("password")
    return answer_unlock(
        lambda password: unlock_request(found, visitor, password, rates=rates, now=utcnow()),
        lambda: request_tries_left(found, visitor, rates=rates),
        partial(_password_page, request_code),
        url_for("submissions.show", request_code=request_code),
    )


@bp.errorhandler(LinkLocked)
def ask_for_password(error: LinkLocked) -> Response:
    """Show the password page; a client without pages is asked by HTTP Basic."""
    status, _ = status_of(error)
    if answer_format() == "html" and request.view_args:
        ensure_browser()
        return _password_page(request.view_args["request_code"], status, None)
    return ask_by_basic(error, "file request")


def _unlocked(code: str, visitor: Visitor) -> RequestRecord:
    found = find_open_request(code, visitor, rates=current_rates(), now=utcnow())
    check_request_unlocked(found, visitor, rates=current_rates(), now=utcnow())
    return found


def _refused(found: RequestRecord, visitor: Visitor, error: MinifileError) -> Response:
    """Show the refusal where it happened: on the page, for who sent its form."""
    if answer_format() != "html":
        return answer_refusal(error)
    response = answers.page(found, visitor, error=str(error))
    response.status_code = status_of(error)[0]
    say_when_to_retry(response, error)
    return response


def _password_page(code: str, status: int, error: str | None) -> Response:
    page = render_template(
        "file_requests/unlock.html",
        form=UnlockForm(),
        form_action=url_for("submissions.unlock", request_code=code),
        error=error,
    )
    return make_response(page, status)
