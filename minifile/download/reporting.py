"""Reporting a link: a recipient tells the admin what is wrong with it.

Who may open a link may report it, also before they give its password.
"""

from flask import Response, g, make_response, render_template, request, url_for

from minifile.download.forms import ReportForm
from minifile.download.routes import bp, file
from minifile.errors import LinkLocked
from minifile.services.downloads import find_readable_link
from minifile.services.links import find_open_link
from minifile.services.reports import REASONS, report_link
from minifile.values import LinkRecord
from minifile.web.current import (
    check_same_site,
    current_rates,
    current_visitor,
    ensure_browser,
    utcnow,
    visitor_network,
)
from minifile.web.forms import answer_form

# The last part of the address, which a file of the link may have for a name, too.
_WORD = "report"


@bp.get("/<code:code>/report")
def report(code: str) -> Response:
    """Ask what is wrong with the link; a file that is called so is had as any other.

    Our own pages lead here with `?form`.
    """
    link = _found(code)
    has_file = any(each.filename == _WORD for each in link.files)
    if has_file and "form" not in request.args and _may_read(code):
        return file(code, _WORD)
    ensure_browser()
    return make_response(_page(code, _form()))


def _may_read(code: str) -> bool:
    """Say whether the visitor may know what the link holds."""
    try:
        find_readable_link(code, current_visitor(), rates=current_rates(), now=utcnow())
    except LinkLocked:
        return False
    return True


@bp.post("/<code:code>/report")
def send_report(code: str) -> Response:
    """Keep the report, and say thanks."""
    check_same_site()
    link, form = _found(code), _form()

    def act() -> Response:
        report_link(
            link,
            form.reason.data or "",
            message=form.message.data or "",
            contact=form.contact.data or "",
            address=visitor_network(),
            rates=current_rates(),
            now=utcnow(),
        )
        return make_response(render_template("download/reported.html"))

    return answer_form(form, act, lambda: _page(code, form))


def _found(code: str) -> LinkRecord:
    link = find_open_link(code, current_visitor(), rates=current_rates(), now=utcnow())
    g.link_id = link.id
    return link


def _form() -> ReportForm:
    form = ReportForm()
    form.reason.choices = list(REASONS.items())
    return form


def _page(code: str, form: ReportForm) -> str:
    return render_template(
        "download/report.html",
        form=form,
        form_action=url_for("download.send_report", code=code),
        back=url_for("download.show", code=code),
    )
