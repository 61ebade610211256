"""Changing one's password."""

from flask import Response, flash, make_response, render_template, url_for

from minifile.accounts.blueprint import bp, check_proof, signed_in
from minifile.accounts.forms import PasswordForm
from minifile.errors import BadOption
from minifile.services.users import UserRecord, change_password, get_user
from minifile.web.addresses import see_other
from minifile.web.current import current_actor, utcnow
from minifile.web.forms import answer_form


@bp.get("/account/password")
def password() -> Response:
    """Ask for the old password and a new one."""
    return make_response(_page(PasswordForm(), get_user(signed_in().id)))


@bp.post("/account/password")
def set_password() -> Response:
    """Change the password, and sign out everywhere else."""
    account, form = signed_in(), PasswordForm()
    user = get_user(account.id)

    def act() -> Response:
        if not user.has_password:
            raise BadOption("You sign in elsewhere. A reset gives you a password here.")
        check_proof(account, form.old.data)
        change_password(
            account.id,
            form.password.data or "",
            actor=current_actor(),
            now=utcnow(),
            keep_session=account.session_id,
            revokes_tokens=form.revoke_tokens.data,
        )
        flash("Your password is changed. You are signed out everywhere else.", "good")
        return see_other(url_for("accounts.show"))

    return answer_form(form, act, lambda: _page(form, user))


def _page(form: PasswordForm, user: UserRecord) -> str:
    return render_template("accounts/password.html", form=form, user=user)
