"""The short link, the bytes behind it, and what stands in their way."""

from functools import partial

from flask import Blueprint, Response, g, jsonify, make_response, render_template, request, url_for

from minifile import metering
from minifile.download import inline
from minifile.download.bytes_answer import answer_archive, answer_file, answer_preview
from minifile.download.landing import landing_page
from minifile.download.recording import record_opened, record_refusal
from minifile.download.submissions import answer_submissions
from minifile.errors import LinkGone, LinkLocked
from minifile.services.downloads import Reading, check_download, find_readable_link
from minifile.services.links import find_file, find_open_link
from minifile.services.unlocking import tries_left, unlock_link
from minifile.web.addresses import download_path, file_as_json, short_link
from minifile.web.current import (
    check_same_site,
    current_rates,
    current_visitor,
    ensure_browser,
    public_url,
    utcnow,
)
from minifile.web.error_pages import answer_refusal, status_of
from minifile.web.negotiate import answer_format, is_command_line_tool, is_preview
from minifile.web.qr import qr_code
from minifile.web.unlocking import UnlockForm, answer_unlock, ask_by_basic

bp = Blueprint("download", __name__)


@bp.after_request
def note_refusal(response: Response) -> Response:
    """Tell of downloads that were refused, their pages too."""
    if request.method == "GET" and 400 <= response.status_code < 500:
        metering.count(metering.DOWNLOADS, "refused")
    return response


@bp.get("/<code:code>")
def show(code: str) -> Response:
    """Answer the short link: JSON, the bytes for a download tool, or the landing page."""
    reading = _reading(code)
    files = reading.link.files
    if answer_format() == "json":
        response = _as_json(reading)
    elif is_preview() or not is_command_line_tool():
        response = _landing_page(reading)
    elif len(files) == 1:
        response = answer_file(reading, files[0])
    else:
        response = answer_archive(reading)
    response.vary.update(("Accept", "User-Agent"))
    return response


@bp.get("/<code:code>/<path:filename>")
def file(code: str, filename: str) -> Response:
    """Answer with the bytes of one file; link-preview bots see the landing page."""
    reading = _reading(code)
    found = find_file(reading.link, filename)
    if is_preview():
        return _landing_page(reading)
    if not inline.asks_inline():
        return answer_file(reading, found)
    is_shown = inline.is_shown_inline(reading.link, found)
    response = (answer_preview if is_shown else answer_file)(reading, found)
    response.vary.update(inline.VARY)
    return response


@bp.get("/<code:code>.zip")
def archive(code: str) -> Response:
    """Answer with all files of the link as one zip."""
    reading = _reading(code)
    return _landing_page(reading) if is_preview() else answer_archive(reading)


@bp.get("/account/requests/<code:request_code>/all.zip")
def submissions(request_code: str) -> Response:
    """Answer with all that was sent to a file request, for who made it."""
    return answer_submissions(request_code)


@bp.get("/<code:code>.qr.svg")
def qr(code: str) -> Response:
    """Answer with the QR code of the short link."""
    reading = _reading(code)
    check_download(reading, now=utcnow())
    return qr_code(short_link(reading.link))


@bp.post("/<code:code>/unlock")
def unlock(code: str) -> Response:
    """Take the link password from the form and remember the browser that gave it."""
    check_same_site()
    visitor = current_visitor()
    link = find_open_link(code, visitor, rates=current_rates(), now=utcnow())
    g.link_id = link.id
    rates = current_rates()
    return answer_unlock(
        lambda password: unlock_link(link, visitor, password, rates=rates, now=utcnow()),
        lambda: tries_left(link, visitor, rates=rates),
        partial(_password_page, code),
        url_for("download.show", code=code),
    )


@bp.errorhandler(LinkLocked)
def ask_for_password(error: LinkLocked) -> Response:
    """Show the password page; a client without pages is asked by HTTP Basic."""
    status, _ = status_of(error)
    if answer_format() == "html" and request.view_args:
        ensure_browser()
        return _password_page(request.view_args["code"], status, None)
    return ask_by_basic(error, "link password")


@bp.errorhandler(LinkGone)
def say_that_it_ended(error: LinkGone) -> Response:
    """Answer as everywhere, and record that somebody came in vain."""
    record_refusal(error)
    return answer_refusal(error)


def _reading(code: str) -> Reading:
    reading = find_readable_link(code, current_visitor(), rates=current_rates(), now=utcnow())
    g.link_id = reading.link.id
    return reading


def _landing_page(reading: Reading) -> Response:
    check_download(reading, now=utcnow())
    ensure_browser()
    page = make_response(landing_page(reading))
    record_opened(reading)
    return page


def _as_json(reading: Reading) -> Response:
    """Return the public metadata of a link; nothing in it is secret to who may open it."""
    check_download(reading, now=utcnow())
    link = reading.link
    return jsonify(
        code=link.code,
        url=short_link(link),
        direct_url=public_url() + download_path(link),
        created_at=link.created_at.isoformat(),
        expires_at=link.expires_at.isoformat(),
        max_downloads=link.max_downloads,
        downloads_left=link.downloads_left,
        note=link.note,
        size=link.size_bytes,
        files=[file_as_json(link, file) for file in link.files],
    )


def _password_page(code: str, status: int, error: str | None) -> Response:
    page = render_template(
        "download/unlock.html",
        form=UnlockForm(),
        form_action=url_for("download.unlock", code=code),
        report_url=url_for("download.report", code=code, form=""),
        error=error,
    )
    return make_response(page, status)
