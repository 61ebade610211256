"""Proving that a mailbox is one's own: a signed address in a mail, and nothing in the database."""

from datetime import timedelta
from typing import Any

from flask import current_app, flash, url_for
from itsdangerous import BadData, URLSafeTimedSerializer

from minifile.accounts.mailing import check_mail_rate, is_flooded
from minifile.errors import ResetOver
from minifile.services.own_account import check_email
from minifile.services.users import UserRecord, find_user
from minifile.web.background import run_later
from minifile.web.letters import mail_confirmation

LIFETIME = timedelta(days=1)


def ask_to_confirm(user: UserRecord, email: str) -> None:
    """Send a mail to an address that is to be the user's, and say so.

    One that is another user's gets none, which nobody is told. Raises BadOption and TooManyTries.
    """
    email = check_email(email)
    check_mail_rate(email)
    path = url_for("accounts.confirm", token=_signer().dumps([user.id, email, user.email]))
    run_later(lambda: _mail(email, path))
    flash("Open the mail that we have sent to the address: then it is yours.", "good")


def read_confirmation(token: str) -> tuple[int, str, str | None]:
    """Return the user, the new address, and the old one at that time. Raises ResetOver."""
    try:
        found: Any = _signer().loads(token, max_age=int(LIFETIME.total_seconds()))
    except BadData:
        raise ResetOver from None
    user_id, email, was = found
    return user_id, email, was


def _mail(email: str, path: str) -> None:
    if find_user(email) is None and not is_flooded(email):
        mail_confirmation(email, path, LIFETIME)


def _signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(str(current_app.secret_key), salt="e-mail address")
