"""The short link, the bytes behind it, and what stands in their way."""

from flask import Blueprint, Response, g, make_response, redirect, render_template, request, url_for

from minifile.download.bytes_answer import answer_archive, answer_file
from minifile.download.forms import UnlockForm
from minifile.download.metadata import download_url, file_urls, link_as_json
from minifile.errors import LinkLocked, TooManyTries
from minifile.models import Link
from minifile.services.downloads import check_download, find_readable_link
from minifile.services.links import find_file, find_open_link
from minifile.services.ownership import is_owner
from minifile.services.unlocking import tries_left, unlock_link
from minifile.web.current import (
    current_rates,
    current_visitor,
    ensure_browser,
    is_same_site,
    public_url,
    utcnow,
)
from minifile.web.error_pages import answer_refusal, status_of
from minifile.web.negotiate import accept_names, answer_format, is_command_line_tool, is_preview
from minifile.web.qr import qr_code

bp = Blueprint("download", __name__)


@bp.get("/<code:code>")
def show(code: str) -> Response:
    """Answer the short link: JSON, the bytes for a download tool, or the landing page."""
    link = _readable_link(code)
    if accept_names("application/json") and answer_format() == "json":
        response = link_as_json(link)
    elif is_command_line_tool() and not is_preview():
        several = len(link.files) > 1
        response = answer_archive(link) if several else answer_file(link.files[0])
    else:
        response = _landing_page(link)
    response.vary.update(("Accept", "User-Agent"))
    return response


@bp.get("/<code:code>/<path:filename>")
def file(code: str, filename: str) -> Response:
    """Answer with the bytes of one file; link-preview bots see the landing page."""
    link = _readable_link(code)
    found = find_file(link, filename)
    return _landing_page(link) if is_preview() else answer_file(found)


@bp.get("/<code:code>.zip")
def archive(code: str) -> Response:
    """Answer with all files of the link as one zip."""
    link = _readable_link(code)
    return _landing_page(link) if is_preview() else answer_archive(link)


@bp.get("/<code:code>.qr.svg")
def qr(code: str) -> Response:
    """Answer with the QR code of the short link."""
    link = _readable_link(code)
    return qr_code(f"{public_url()}/{link.code}")


@bp.post("/<code:code>/unlock")
def unlock(code: str) -> Response:
    """Take the link password from the form and remember the browser that gave it."""
    is_same_site()
    visitor = current_visitor()
    link = find_open_link(code, visitor, rates=current_rates(), now=utcnow())
    g.link_id = link.id
    form = UnlockForm()
    if not form.validate_on_submit():
        return _password_page(code, 422, "Type the password first.")
    try:
        unlock_link(link, visitor, form.password.data or "", rates=current_rates(), now=utcnow())
    except LinkLocked as error:
        left = tries_left(link, visitor, rates=current_rates())
        return _password_page(code, 401, f"{error}{_tries(left)}")
    except TooManyTries as error:
        response = _password_page(code, 429, str(error))
        response.headers["Retry-After"] = str(int(error.retry_after.total_seconds()))
        return response
    return make_response(redirect(url_for("download.show", code=code), 303))


@bp.errorhandler(LinkLocked)
def ask_for_password(error: LinkLocked) -> Response:
    """Show the password page; a client without pages is asked by HTTP Basic."""
    status, _ = status_of(error)
    if answer_format() == "html" and request.view_args:
        ensure_browser()
        return _password_page(request.view_args["code"], status, None)
    response = answer_refusal(error)
    if not accept_names("text/html"):
        response.headers["WWW-Authenticate"] = 'Basic realm="link password", charset="UTF-8"'
    return response


def _readable_link(code: str) -> Link:
    link = find_readable_link(code, current_visitor(), rates=current_rates(), now=utcnow())
    g.link_id = link.id
    return link


def _landing_page(link: Link) -> Response:
    visitor = current_visitor()
    check_download(link, visitor, now=utcnow())
    ensure_browser()
    page = render_template(
        "download/landing.html",
        link=link,
        files=link.files,
        total_size_bytes=link.size_bytes,
        downloads_left=link.downloads_left,
        short_link=f"{public_url()}/{link.code}",
        download_url=download_url(link),
        file_urls=file_urls(link),
        is_owner=is_owner(link, visitor),
    )
    return make_response(page)


def _password_page(code: str, status: int, error: str | None) -> Response:
    page = render_template(
        "download/unlock.html",
        form=UnlockForm(),
        form_action=url_for("download.unlock", code=code),
        error=error,
    )
    return make_response(page, status)


def _tries(left: int | None) -> str:
    if left is None:
        return ""
    return f" {left} {'try' if left == 1 else 'tries'} left."
