"""Making an account: by an invitation, or by oneself where the instance is open."""

from flask import Response, flash, make_response, render_template, url_for

from minifile.accounts.blueprint import bp
from minifile.accounts.confirming import ask_to_confirm
from minifile.accounts.forms import AddressForm, InvitedForm, RegisterForm
from minifile.accounts.guessing import few_taken
from minifile.accounts.mailing import check_mail_rate, is_flooded
from minifile.errors import LinkNotFound
from minifile.identity import BY_INSTANCE
from minifile.services.invitations import (
    LIFETIME,
    InvitationRecord,
    accept_invitation,
    find_invitation,
    invite,
)
from minifile.services.rate_limits import REGISTRATIONS
from minifile.services.users import UserRecord, create_user, find_user
from minifile.web.addresses import see_other
from minifile.web.background import run_later
from minifile.web.current import current_rates, current_settings, utcnow, visitor_network
from minifile.web.forms import answer_form
from minifile.web.letters import mail_invitation, mail_known_address, sends_mail
from minifile.web.signing_in import enter_as


@bp.get("/invite/<token>")
def invitation(token: str) -> Response:
    """Show what an invitation is good for."""
    found = find_invitation(token, now=utcnow())
    return make_response(_page(_form_for(found), found))


@bp.post("/invite/<token>")
def accept(token: str) -> Response:
    """Make the account of an invitation, and sign in."""
    found = find_invitation(token, now=utcnow())
    form = _form_for(found)

    def act() -> Response:
        name, password = form.name.data or "", form.password.data or ""
        email = form.email.data if isinstance(form, RegisterForm) else None
        with few_taken():
            user = accept_invitation(token, name, password, now=utcnow())
        return _welcome(user, email)

    return answer_form(form, act, lambda: _page(form, found))


@bp.get("/register")
def register() -> Response:
    """Ask for an address, or at once for all that an account needs where no mail is sent."""
    _check_open()
    return make_response(_open_page(AddressForm() if sends_mail() else InvitedForm()))


@bp.post("/register")
def create() -> Response:
    """Make an account, or mail the address at which it is made.

    So an address becomes somebody's only by a mail to it, and nobody is told whose it is. Without
    mail nobody gets one.
    """
    _check_open()
    if sends_mail():
        return _ask_address(AddressForm())
    form = InvitedForm()

    def act() -> Response:
        rates, who = current_rates(), visitor_network()
        rates.check(REGISTRATIONS, who)
        name, password = form.name.data or "", form.password.data or ""
        with few_taken():
            user = create_user(name, password=password, now=utcnow())
        rates.count(REGISTRATIONS, who)
        return _welcome(user, None)

    return answer_form(form, act, lambda: _open_page(form))


def _ask_address(form: AddressForm) -> Response:
    def act() -> Response:
        email = (form.email.data or "").strip()
        check_mail_rate(email)
        run_later(lambda: _answer_address(email))
        return make_response(render_template("accounts/mailed.html", title="Look at your mail"))

    return answer_form(form, act, lambda: _open_page(form))


def _answer_address(email: str) -> None:
    """Send an invitation, or a word that there is an account. Raises BadOption for no address."""
    if is_flooded(email):
        return
    if find_user(email) is not None:
        mail_known_address(email, "/reset")
        return
    token, _ = invite(email=email, lifetime=LIFETIME, actor=BY_INSTANCE, now=utcnow())
    mail_invitation(email, f"/invite/{token}", LIFETIME)


def _welcome(user: UserRecord, unproved: str | None) -> Response:
    """Sign a new user in; an address of their own choice is sent a mail."""
    enter_as(user.id)
    flash(f"Welcome, {user.name}. This is your account.", "good")
    if unproved:
        ask_to_confirm(user, unproved)
    return see_other(url_for("accounts.show"))


def _form_for(found: InvitationRecord) -> InvitedForm:
    # An address of one's own choice is proved by a mail.
    return RegisterForm() if sends_mail() and not found.email else InvitedForm()


def _check_open() -> None:
    if current_settings().registration != "open":
        raise LinkNotFound


def _page(form: InvitedForm, found: InvitationRecord) -> str:
    return render_template("accounts/register.html", form=form, invitation=found)


def _open_page(form: AddressForm | InvitedForm) -> str:
    return render_template("accounts/register.html", form=form, invitation=None)
