"""Taking one's data along, and deleting one's account."""

from flask import Response, flash, make_response, render_template, stream_with_context, url_for

from minifile.accounts.blueprint import bp, check_proof, signed_in
from minifile.accounts.forms import DeleteAccountForm
from minifile.errors import WrongOwnPassword
from minifile.identity import Account
from minifile.services.leaving import LinksFate, delete_user
from minifile.services.personal_data import export_account
from minifile.services.users import UserRecord, get_user
from minifile.web.addresses import see_other
from minifile.web.current import current_actor, current_storage, utcnow
from minifile.web.forms import answer_form
from minifile.web.signing_in import leave


@bp.get("/account/export")
def export() -> Response:
    """Answer with all that is kept of who asks, as JSON."""
    account = signed_in()
    response = Response(
        stream_with_context(export_account(account.id)), content_type="application/json"
    )
    response.headers["Content-Disposition"] = 'attachment; filename="minifile-account.json"'
    return response


@bp.get("/account/delete")
def ask_to_delete() -> Response:
    """Say what a deletion takes along, and ask for the password."""
    return make_response(_page(DeleteAccountForm(), get_user(signed_in().id)))


@bp.post("/account/delete")
def delete() -> Response:
    """Delete the account with all its links, at once and for good."""
    account, form = signed_in(), DeleteAccountForm()
    user = get_user(account.id)

    def act() -> Response:
        _check_meant(account, user, form.proof.data)
        delete_user(
            account.id,
            LinksFate.DELETE,
            actor=current_actor(),
            storage=current_storage(),
            now=utcnow(),
        )
        leave()
        flash("Your account is deleted, and all that was in it.", "good")
        return see_other(url_for("upload.new"))

    return answer_form(form, act, lambda: _page(form, user))


def _check_meant(account: Account, user: UserRecord, proof: str | None) -> None:
    """Raise WrongOwnPassword unless it is the password, or without one the name."""
    if user.has_password:
        check_proof(account, proof)
    elif proof != user.name:
        raise WrongOwnPassword


def _page(form: DeleteAccountForm, user: UserRecord) -> str:
    if not user.has_password:
        form.proof.label.text = "Your name, to confirm"
    return render_template("accounts/delete.html", form=form, user=user)
