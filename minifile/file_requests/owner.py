"""The owner's pages of file requests: list, make, change, close, and what was handed in."""

from collections.abc import Callable

from flask import Blueprint, Response, flash, make_response, render_template, request, url_for
from flask_wtf import FlaskForm

from minifile.errors import BadOption, MinifileError
from minifile.file_requests.forms import (
    EditRequestForm,
    RequestForm,
    SendForm,
    form_of,
    refuse_unknown,
)
from minifile.identity import Scope
from minifile.services.file_requests import (
    PAGE,
    change_request,
    close_request,
    create_request,
    delete_request,
    find_own_request,
    list_requests,
    reopen_request,
    standing_of_request,
)
from minifile.services.request_rows import RequestRecord, read_room
from minifile.services.submission_lists import (
    PAGE as SUBMISSIONS,
)
from minifile.services.submission_lists import delete_submission, list_submissions, mark_seen
from minifile.web.addresses import see_other
from minifile.web.answering import limits_of_request
from minifile.web.current import (
    current_actor,
    current_limits,
    current_rates,
    public_url,
    require_account,
    utcnow,
    visitor_network,
)
from minifile.web.paging import asked_page, cut
from minifile.web.qr import qr_markup

bp = Blueprint("file_requests", __name__, url_prefix="/account/requests")


@bp.get("/")
def index() -> str:
    """List the file requests of who is signed in."""
    account, page = require_account(Scope.READ), asked_page()
    found, has_more = cut(list_requests(account, page=page, now=utcnow()), PAGE)
    return render_template("file_requests/index.html", requests=found, page=page, has_more=has_more)


@bp.get("/new")
def new() -> Response:
    """Show the form for a new file request."""
    require_account(Scope.MANAGE)
    return _form_page(RequestForm(), None)


@bp.post("/new")
def create() -> Response:
    """Make a file request."""
    account, form = require_account(Scope.MANAGE), RequestForm()

    def act() -> Response:
        code = create_request(
            form.sent(),
            account,
            actor=current_actor(),
            code_length=current_limits().code_length,
            now=utcnow(),
        )
        flash("The file request is open. Give its address to whoever should send.", "good")
        return see_other(url_for("file_requests.show", request_code=code))

    return _sent(form, None, act)


@bp.get("/<code:request_code>")
def show(request_code: str) -> Response:
    """Show a file request and what was handed in; that counts as seen from then on."""
    found, page, now = _own(request_code, Scope.READ), asked_page(), utcnow()
    submissions, has_more = cut(list_submissions(found, page=page, now=now), SUBMISSIONS)
    address = public_url() + url_for("submissions.show", request_code=found.code)
    response = make_response(
        render_template(
            "file_requests/show.html",
            asked=found,
            address=address,
            qr=qr_markup(address),
            standing=standing_of_request(found.closed_at, found.expires_at, now),
            room=read_room(found, now),
            limits=limits_of_request(found),
            submissions=submissions,
            page=page,
            has_more=has_more,
            form=SendForm(),
        )
    )
    if request.method == "GET":
        mark_seen(submissions, now=now)
    return response


@bp.get("/<code:request_code>/edit")
def edit(request_code: str) -> Response:
    """Show the form with what is asked for now."""
    found = _own(request_code, Scope.READ)
    return _form_page(form_of(found), found)


@bp.post("/<code:request_code>/edit")
def change(request_code: str) -> Response:
    """Change a file request."""
    found, form = _own(request_code), EditRequestForm()

    def act() -> Response:
        change_request(found, form.sent(), actor=current_actor(), now=utcnow())
        return _back("Saved.", found)

    return _sent(form, found, act)


@bp.post("/<code:request_code>/close")
def close(request_code: str) -> Response:
    """Take nothing more."""
    found = _own(request_code)
    _check_button()
    close_request(found, actor=current_actor(), now=utcnow())
    return _back("The file request is closed. What was sent stays until it expires.", found)


@bp.post("/<code:request_code>/reopen")
def reopen(request_code: str) -> Response:
    """Take files again."""
    found = _own(request_code)
    _check_button()
    reopen_request(found, actor=current_actor(), now=utcnow())
    return _back("The file request takes files again.", found)


@bp.post("/<code:request_code>/delete")
def remove(request_code: str) -> Response:
    """Forget a file request that has ended."""
    found = _own(request_code)
    _check_button()
    delete_request(found, actor=current_actor(), now=utcnow())
    flash("The file request is deleted. What was sent stays among your links.", "good")
    return see_other(url_for("file_requests.index"))


@bp.post("/<code:request_code>/submissions/<row:submission_id>/delete")
def delete(request_code: str, submission_id: int) -> Response:
    """Delete what one sender has handed in."""
    found = _own(request_code)
    _check_button()
    delete_submission(found, submission_id, actor=current_actor(), now=utcnow())
    return _back("The submission is deleted.", found)


def _own(code: str, scope: Scope = Scope.MANAGE) -> RequestRecord:
    account = require_account(scope)
    return find_own_request(code, account, visitor_network(), rates=current_rates())


def _check_button() -> None:
    """Refuse what a form of one button does not send; its token was checked before."""
    refuse_unknown()


def _back(message: str, found: RequestRecord) -> Response:
    flash(message, "good")
    return see_other(url_for("file_requests.show", request_code=found.code))


def _sent(form: RequestForm, found: RequestRecord | None, act: Callable[[], Response]) -> Response:
    """Do what a valid form asks for; show it again, with the reason, when that can't be done."""
    try:
        refuse_unknown(*form.data)
        if form.validate_on_submit():
            return act()
    except BadOption as error:
        return _form_page(form, found, error)
    return _form_page(form, found, BadOption(_first_fault(form)))


def _first_fault(form: FlaskForm) -> str:
    faults = [str(fault) for found in form.errors.values() for fault in found]
    return faults[0] if faults else "The form could not be read."


def _form_page(
    form: RequestForm, found: RequestRecord | None, error: MinifileError | None = None
) -> Response:
    page = render_template(
        "file_requests/edit.html",
        form=form,
        asked=found,
        error=None if error is None else str(error),
        limits=current_limits(),
    )
    return make_response(page, 200 if error is None else 422)
