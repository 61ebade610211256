"""Forgotten passwords: ask for a mail, and choose a new one."""

from flask import Response, flash, make_response, render_template, url_for

from minifile.accounts.blueprint import bp
from minifile.accounts.forms import AskResetForm, ResetForm
from minifile.accounts.mailing import check_mail_rate, is_flooded
from minifile.errors import BadOption
from minifile.identity import BY_INSTANCE
from minifile.services.password_resets import LIFETIME, find_reset, make_reset, use_reset
from minifile.services.users import find_user, get_user
from minifile.web.addresses import see_other
from minifile.web.background import run_later
from minifile.web.current import utcnow
from minifile.web.forms import answer_form
from minifile.web.letters import mail_reset, sends_mail


@bp.get("/reset")
def ask_reset() -> Response:
    """Ask whose password is forgotten; without mail, say who can help."""
    return make_response(_ask_page(AskResetForm()))


@bp.post("/reset")
def send_reset() -> Response:
    """Mail the address of a reset; the answer is the same whoever is named."""
    form = AskResetForm()

    def act() -> Response:
        if not sends_mail():
            raise BadOption("This site sends no mail. Ask its admin for a new password.")
        name = form.name.data or ""
        check_mail_rate(name)
        run_later(lambda: _mail_reset(name))
        return make_response(render_template("accounts/mailed.html", title="Look at your mail"))

    return answer_form(form, act, lambda: _ask_page(form))


@bp.get("/reset/<token>")
def reset(token: str) -> Response:
    """Ask for the new password."""
    find_reset(token, now=utcnow())
    return make_response(_page(ResetForm(), token))


@bp.post("/reset/<token>")
def use(token: str) -> Response:
    """Set the new password and end all sessions."""
    form = ResetForm()

    def act() -> Response:
        use_reset(
            token, form.password.data or "", revokes_tokens=form.revoke_tokens.data, now=utcnow()
        )
        flash("Your password is changed, and all sessions are ended. Sign in anew.", "good")
        return see_other(url_for("accounts.login"))

    return answer_form(form, act, lambda: _page(form, token))


def _mail_reset(name: str) -> None:
    """Make a reset and mail it, if there is such a user who can be reached and may sign in."""
    user = find_user(name)
    if user is None or user.email is None or user.disabled_at is not None:
        return
    if is_flooded(user.email):
        return
    token = make_reset(user.id, lifetime=LIFETIME, actor=BY_INSTANCE, now=utcnow())
    # The address may have been changed since: then to the new one, or the reset has ended.
    email = get_user(user.id).email
    if email is not None:
        mail_reset(email, f"/reset/{token}", LIFETIME)


def _ask_page(form: AskResetForm) -> str:
    return render_template("accounts/ask_reset.html", form=form, sends_mail=sends_mail())


def _page(form: ResetForm, token: str) -> str:
    return render_template("accounts/reset.html", form=form, token=token)
