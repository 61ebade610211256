"""Where one is signed in, and signing out there."""

from flask import Response, flash, make_response, render_template, url_for

from minifile.accounts.blueprint import bp, signed_in
from minifile.accounts.forms import EndOthersForm, EndSessionForm
from minifile.identity import Account
from minifile.services.user_sessions import end_session, end_sessions, list_sessions
from minifile.units import plural
from minifile.web.addresses import see_other
from minifile.web.current import current_actor, current_session_times, utcnow
from minifile.web.forms import answer_form
from minifile.web.ids import read_id
from minifile.web.signing_in import leave


@bp.get("/account/sessions")
def sessions() -> Response:
    """List the sessions of who asks."""
    return make_response(_page(signed_in(), EndSessionForm()))


@bp.post("/account/sessions")
def end() -> Response:
    """End one session; this one, too."""
    account, form = signed_in(), EndSessionForm()

    def act() -> Response:
        chosen = read_id(form.session_id.data)
        end_session(account.id, chosen, actor=current_actor(), now=utcnow())
        flash("Signed out there.", "good")
        if chosen == account.session_id:
            leave()
            return see_other(url_for("accounts.login"))
        return see_other(url_for("accounts.sessions"))

    return answer_form(form, act, lambda: _page(account, form))


@bp.post("/account/sessions/others")
def end_others() -> Response:
    """End all sessions but this one."""
    account, form = signed_in(), EndOthersForm()

    def act() -> Response:
        count = end_sessions(
            account.id, but=account.session_id, actor=current_actor(), now=utcnow()
        )
        flash(f"{plural(count, 'session')} ended.", "good")
        return see_other(url_for("accounts.sessions"))

    return answer_form(form, act, lambda: _page(account, form))


def _page(account: Account, form: EndSessionForm | EndOthersForm) -> str:
    found = list_sessions(account.id, times=current_session_times(), now=utcnow())
    return render_template(
        "accounts/sessions.html", sessions=found, this_id=account.session_id, form=form
    )
