"""API tokens: make one, see where they stand, revoke one."""

from flask import Response, flash, make_response, render_template, url_for

from minifile.accounts.blueprint import bp, signed_in
from minifile.accounts.forms import RevokeTokenForm, TokenForm
from minifile.identity import Account, Scope
from minifile.services.api_tokens import create_token, list_tokens, revoke_token
from minifile.units import parse_duration
from minifile.web.addresses import see_other
from minifile.web.current import current_actor, utcnow
from minifile.web.forms import answer_form
from minifile.web.ids import read_id

SCOPES = {
    Scope.UPLOAD: "upload: make links, add files to them",
    Scope.READ: "read: list my links and what they hold",
    Scope.MANAGE: "manage: change and revoke my links",
    Scope.ADMIN: "admin: do what the admin pages do",
}
_LIFETIMES = (
    ("1d", "1 day"),
    ("30d", "30 days"),
    ("90d", "90 days"),
    ("365d", "1 year"),
    ("", "until it is revoked"),
)


@bp.get("/account/tokens")
def tokens() -> Response:
    """List the tokens of who asks."""
    account = signed_in()
    return make_response(_page(account, _form(account)))


@bp.post("/account/tokens")
def create_api_token() -> Response:
    """Make a token and show it, this once."""
    account = signed_in()
    form = _form(account)

    def act() -> Response:
        chosen = form.expires_in.data
        token, _ = create_token(
            account.id,
            form.name.data or "",
            {Scope(word) for word in form.scopes.data or ()},
            lifetime=parse_duration(chosen) if chosen else None,
            actor=current_actor(),
            now=utcnow(),
        )
        # In the answer itself: a flash would keep it in the cookie for a while.
        return make_response(_page(account, _form(account, is_fresh=True), token=token), 201)

    return answer_form(form, act, lambda: _page(account, form))


@bp.post("/account/tokens/revoke")
def revoke() -> Response:
    """Revoke one token."""
    account, form = signed_in(), RevokeTokenForm()

    def act() -> Response:
        chosen = read_id(form.token_id.data)
        revoke_token(account.id, chosen, actor=current_actor(), now=utcnow())
        flash("The token is revoked.", "good")
        return see_other(url_for("accounts.tokens"))

    return answer_form(form, act, lambda: _page(account, _form(account, is_fresh=True)))


def _form(account: Account, *, is_fresh: bool = False) -> TokenForm:
    form = TokenForm(formdata=None) if is_fresh else TokenForm()
    form.expires_in.choices = list(_LIFETIMES)
    form.scopes.choices = [
        (scope.value, words)
        for scope, words in SCOPES.items()
        if scope is not Scope.ADMIN or account.is_admin
    ]
    return form


def _page(account: Account, form: TokenForm, *, token: str | None = None) -> str:
    return render_template(
        "accounts/tokens.html", form=form, tokens=list_tokens(account.id), token=token
    )
