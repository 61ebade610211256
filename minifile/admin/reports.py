"""The queue of reports: what visitors say of links, and what was done about it."""

from flask import Response, flash, render_template, url_for

from minifile.admin.blueprint import bp
from minifile.admin.forms import DismissForm
from minifile.services.reports import PAGE, REASONS, dismiss_reports, list_reported
from minifile.units import plural
from minifile.web.addresses import see_other
from minifile.web.current import current_actor, utcnow
from minifile.web.forms import answer_form
from minifile.web.ids import read_id
from minifile.web.paging import asked_page, cut


@bp.get("/reports")
def reports() -> str:
    """List reported links: those that wait first."""
    page = asked_page()
    found, has_more = cut(list_reported(page=page), PAGE)
    return render_template(
        "admin/reports.html", reported=found, reasons=REASONS, page=page, has_more=has_more
    )


@bp.post("/reports/dismiss")
def dismiss() -> Response:
    """Handle the reports of a link without doing anything to it."""
    form = DismissForm()

    def act() -> Response:
        link_id = read_id(form.link_id.data)
        count = dismiss_reports(link_id, actor=current_actor(), now=utcnow())
        said = f"{plural(count, 'report')} dismissed." if count else "They were handled already."
        flash(said, "good")
        return see_other(url_for("admin.reports"))

    return answer_form(form, act, reports)
