"""Signing in by OpenID Connect, and linking an account that is there already."""

from datetime import datetime

from flask import Response, flash, make_response, render_template, request, session, url_for
from flask_wtf import FlaskForm
from wtforms import HiddenField
from wtforms.validators import Length

from minifile.accounts.blueprint import bp, signed_in
from minifile.codes import new_token
from minifile.errors import BadOption, ConsentRefused, LinkNotFound
from minifile.services.oidc_discovery import CALLBACK_PATH
from minifile.services.oidc_provider import Provider
from minifile.services.oidc_sign_ins import Answer, Completed, begin, complete
from minifile.services.oidc_users import ClaimRules, linked_since, unlink_identity
from minifile.web.addresses import see_other
from minifile.web.current import (
    current_account,
    current_instance,
    current_rates,
    current_settings,
    public_url,
    utcnow,
    visitor_network,
)
from minifile.web.forms import StrictForm
from minifile.web.own_paths import own_path
from minifile.web.signing_in import enter_as


class BeginForm(StrictForm):
    """A button on the sign-in page."""

    next = HiddenField(validators=[Length(max=2000)])


class LinkForm(StrictForm):
    """A button on the account page."""


@bp.post("/login/oidc")
def begin_oidc() -> Response:
    """Send the browser on to the provider."""
    provider, form = _provider(), BeginForm()
    _check(form)
    return _leave(provider, next_path=own_path(form.next.data))


@bp.get(CALLBACK_PATH)
def oidc_callback() -> Response:
    """Take the browser back from the provider."""
    provider, account = _provider(), current_account()
    try:
        done = complete(
            provider,
            _answer(),
            session.get("oidc"),
            _redirect_uri(),
            account_id=None if account is None else account.id,
            rules=_claim_rules(),
            now=utcnow(),
        )
    except ConsentRefused:
        flash(f"You have not signed in with {current_settings().oidc_name}.", "warn")
        return see_other(url_for("accounts.login" if account is None else "accounts.show"))
    return _come_in(done)


@bp.post("/account/oidc/link")
def link_oidc() -> Response:
    """Send who is signed in on to the provider, to link their account."""
    provider, account = _provider(), signed_in()
    _check(LinkForm())
    return _leave(provider, user_id=account.id)


@bp.post("/account/oidc/unlink")
def unlink_oidc() -> Response:
    """Let who is signed in sign in by password only."""
    _provider()
    account = signed_in()
    _check(LinkForm())
    unlink_identity(account.id, now=utcnow())
    flash("Your account is not linked any more.", "good")
    return see_other(url_for("accounts.show"))


@bp.context_processor
def _for_templates() -> dict[str, object]:
    return {"oidc_linked_since": _linked_since}


def _linked_since() -> datetime | None:
    account = current_account()
    return None if account is None else linked_since(account.id)


def _provider() -> Provider:
    """Return the provider; where there is none, nothing is at its addresses: LinkNotFound."""
    provider = current_instance().oidc
    if provider is None:
        raise LinkNotFound
    return provider


def _check(form: FlaskForm) -> None:
    """Raise BadOption for a form that nobody gets from a page."""
    if not form.validate_on_submit():
        raise BadOption("The form is not as the page sends it. Nothing was done.")


def _leave(
    provider: Provider, *, next_path: str | None = None, user_id: int | None = None
) -> Response:
    """Show a page that leads on to the provider.

    No redirect: browsers hold the whole chain of redirects after a form against `form-action`
    of our policy, and nobody knows where a provider leads on to.
    """
    browser = session.setdefault("oidc", new_token())
    location = begin(
        provider,
        browser,
        _redirect_uri(),
        next_path=next_path,
        user_id=user_id,
        address=visitor_network(),
        rates=current_rates(),
        now=utcnow(),
    )
    return make_response(render_template("accounts/oidc_leaving.html", location=location))


def _come_in(done: Completed) -> Response:
    if done.is_link:
        flash("Your account is linked.", "good")
        return see_other(url_for("accounts.show"))
    enter_as(done.user_id)
    return see_other(done.next_path or url_for("upload.new"))


def _answer() -> Answer:
    asked = request.args
    return Answer(
        asked.get("state", ""), asked.get("code", ""), asked.get("error", ""), asked.get("iss")
    )


def _redirect_uri() -> str:
    return public_url() + CALLBACK_PATH


def _claim_rules() -> ClaimRules:
    settings = current_settings()
    return ClaimRules(
        creates_users=settings.oidc_create_users,
        role_claim=settings.oidc_role_claim,
        admin_values=settings.oidc_admin_values,
        quota_claim=settings.oidc_quota_claim,
    )
