"""The log of what was sent to a user, with a way to send it once more."""

from flask import Response, flash, make_response, render_template, url_for

from minifile.accounts.blueprint import bp, signed_in
from minifile.accounts.notifying_forms import RedeliverForm
from minifile.identity import Account
from minifile.services.dispatch_log import PAGE, list_dispatches, redeliver
from minifile.web.addresses import see_other
from minifile.web.current import utcnow
from minifile.web.forms import answer_form
from minifile.web.ids import read_id
from minifile.web.notification_words import LOG_WORDS
from minifile.web.paging import asked_page, cut


@bp.get("/account/notifications/log")
def notification_log() -> Response:
    """List what was sent, the newest first."""
    return make_response(_page(signed_in(), None))


@bp.post("/account/notifications/log")
def redeliver_notification() -> Response:
    """Send one notification once more, to where it went."""
    account, form = signed_in(), RedeliverForm()

    def act() -> Response:
        redeliver(account.id, read_id(form.dispatch_id.data), now=utcnow())
        flash("It is on its way once more.", "good")
        return see_other(url_for("accounts.notification_log"))

    return answer_form(form, act, lambda: _page(account, form))


def _page(account: Account, form: RedeliverForm | None) -> str:
    page = asked_page()
    found, has_more = cut(list_dispatches(account.id, page=page), PAGE)
    return render_template(
        "accounts/notification_log.html",
        dispatches=found,
        words=LOG_WORDS,
        form=form,
        page=page,
        has_more=has_more,
    )
