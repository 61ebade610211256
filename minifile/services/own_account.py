"""What users do with their own account, and prove by their password."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import delete, inspect
from sqlalchemy.exc import IntegrityError

from minifile.errors import BadOption, WrongOwnPassword
from minifile.extensions import db, release_connection, write_transaction
from minifile.identity import Actor
from minifile.models import PasswordReset, User
from minifile.policy.identity import clean_email, clean_name, email_key, name_key
from minifile.services.audit import record
from minifile.services.passwords import verify_password
from minifile.services.rate_limits import WRONG_SIGN_INS, RateLimits
from minifile.services.users import UserRecord, as_record, get_user, lock_user, taken


def check_own_password(user_id: int, password: str, *, address: str, rates: RateLimits) -> None:
    """Raise WrongOwnPassword unless this is the user's password, and TooManyTries.

    Who has got hold of a browser that is signed in must not be able to guess it there. A user
    without a password has nothing to prove it by.
    """
    row = db.session.get(User, user_id, populate_existing=True)
    kept = None if row is None else row.password_hash
    release_connection()
    if kept is None:
        return
    who = f"user {user_id}"
    rates.take(WRONG_SIGN_INS, who, address)
    if not verify_password(kept, password):
        raise WrongOwnPassword
    rates.give_back(WRONG_SIGN_INS, who, address)


def rename_user(user_id: int, name: str, *, actor: Actor, now: datetime) -> UserRecord:
    """Give a user another name. Raises BadOption and Taken."""
    name = clean_name(name)
    changes = {"name": name, "name_key": name_key(name)}
    return _change(user_id, changes, actor, now)


def change_email(user_id: int, email: str | None, *, actor: Actor, now: datetime) -> UserRecord:
    """Give a user another e-mail address, or none, and end their resets.

    Raises BadOption and Taken.
    """
    email = clean_email(email) if email else None
    changes = {"email": email, "email_key": email_key(email) if email else None}
    return _change(user_id, changes, actor, now)


def _change(
    user_id: int, changes: Mapping[str, str | None], actor: Actor, now: datetime
) -> UserRecord:
    """Write these columns only: another may be changed at the same time."""
    try:
        with write_transaction() as session:
            row = lock_user(session, user_id)
            for column, value in changes.items():
                setattr(row, column, value)
            if inspect(row).attrs.email_key.history.has_changes():
                # What was mailed to the old address opens nothing any more.
                session.execute(delete(PasswordReset).where(PasswordReset.user_id == user_id))
            record(session, actor, "user.rename", user_id, now=now)
    except IntegrityError:
        raise taken(User(id=user_id, email_key=changes.get("email_key"))) from None
    return as_record(row)


def check_unchanged(user_id: int, was: str | None) -> None:
    """Raise BadOption when the user's address is not the one any more that it was."""
    if get_user(user_id).email != was:
        raise BadOption("Your address has changed since this mail was sent. Ask for another one.")


def check_email(email: str) -> str:
    """Return an address as it is kept. Raises BadOption."""
    return clean_email(email)
