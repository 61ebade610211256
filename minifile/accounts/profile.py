"""The account page: who one is, how much one uses; name and address."""

from flask import Response, flash, make_response, render_template, url_for

from minifile.accounts.blueprint import bp, check_proof, signed_in
from minifile.accounts.confirming import ask_to_confirm, read_confirmation
from minifile.accounts.forms import ConfirmEmailForm, EmailForm, NameForm
from minifile.accounts.guessing import few_taken
from minifile.errors import BadOption, ResetOver
from minifile.identity import Account
from minifile.services.own_account import change_email, check_unchanged, rename_user
from minifile.services.users import UserRecord, get_user
from minifile.web.addresses import see_other
from minifile.web.current import current_actor, utcnow
from minifile.web.forms import answer_form
from minifile.web.letters import sends_mail
from minifile.web.usage import usage_of


@bp.get("/account/")
def show() -> Response:
    """Show the account."""
    user = get_user(signed_in().id)
    return make_response(_page(user))


@bp.post("/account/name")
def rename() -> Response:
    """Change the name."""
    user, form = get_user(signed_in().id), NameForm()

    def act() -> Response:
        with few_taken():
            rename_user(user.id, form.name.data or "", actor=current_actor(), now=utcnow())
        return _saved()

    return answer_form(form, act, lambda: _page(user, name_form=form))


@bp.post("/account/email")
def set_email() -> Response:
    """Remove the address, or have a new one confirmed by a mail.

    Without mail nobody can prove an address, and who takes another's gets what is shared with it.
    """
    account, form = signed_in(), EmailForm()
    user = get_user(account.id)

    def act() -> Response:
        check_proof(account, form.password.data)
        email = (form.email.data or "").strip() or None
        if email is not None and not sends_mail():
            raise BadOption(
                "This site sends no mail to prove an address by. Ask its admin to set yours."
            )
        if email is not None:
            ask_to_confirm(user, email)
            return see_other(url_for("accounts.show"))
        change_email(user.id, None, actor=current_actor(), now=utcnow())
        return _saved()

    return answer_form(form, act, lambda: _page(user, email_form=form))


@bp.get("/account/email/<token>")
def confirm(token: str) -> Response:
    """Ask whether an address is to be the user's."""
    email, _ = _confirmation(signed_in(), token)
    return make_response(_confirm_page(ConfirmEmailForm(), email, token))


@bp.post("/account/email/<token>")
def use_email(token: str) -> Response:
    """Take the address that the mail went to."""
    account, form = signed_in(), ConfirmEmailForm()
    email, was = _confirmation(account, token)

    def act() -> Response:
        check_unchanged(account.id, was)
        change_email(account.id, email, actor=current_actor(), now=utcnow())
        return _saved()

    return answer_form(form, act, lambda: _confirm_page(form, email, token))


def _confirmation(account: Account, token: str) -> tuple[str, str | None]:
    user_id, email, was = read_confirmation(token)
    if user_id != account.id:
        raise ResetOver
    return email, was


def _saved() -> Response:
    flash("Saved.", "good")
    return see_other(url_for("accounts.show"))


def _page(
    user: UserRecord, *, name_form: NameForm | None = None, email_form: EmailForm | None = None
) -> str:
    return render_template(
        "accounts/show.html",
        user=user,
        usage=usage_of(user.id),
        name_form=name_form or NameForm(formdata=None, name=user.name),
        email_form=email_form or EmailForm(formdata=None, email=user.email),
    )


def _confirm_page(form: ConfirmEmailForm, email: str, token: str) -> str:
    return render_template("accounts/confirm.html", form=form, email=email, token=token)
