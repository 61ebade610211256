"""Password resets: a new password for whoever has the secret address, once."""

from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from minifile.codes import new_token, token_hash
from minifile.errors import ResetOver
from minifile.extensions import db, write_transaction
from minifile.identity import Actor
from minifile.models import ApiToken, PasswordReset
from minifile.policy.identity import check_new_password
from minifile.services.admin_offers import check_maker
from minifile.services.audit import record
from minifile.services.passwords import hash_password
from minifile.services.user_sessions import delete_sessions
from minifile.services.users import UserRecord, get_user, lock_user

# One that is asked for on a page lies in a mailbox; one that an admin makes is handed over.
LIFETIME = timedelta(hours=1)
HANDED_LIFETIME = timedelta(days=1)


def make_reset(user_id: int, *, lifetime: timedelta, actor: Actor, now: datetime) -> str:
    """Make a reset for a user and return its token, this once; earlier ones end.

    Raises NotFound, and Forbidden for a maker who is no admin any more.
    """
    token = new_token()
    with write_transaction() as session:
        lock_user(session, user_id)
        session.execute(delete(PasswordReset).where(PasswordReset.user_id == user_id))
        session.add(
            PasswordReset(
                token_hash=token_hash(token),
                user_id=user_id,
                maker_id=actor.user_id,
                created_at=now,
                expires_at=now + lifetime,
            )
        )
        session.flush()
        check_maker(session, actor)
        record(session, actor, "user.reset", user_id, now=now)
    return token


def find_reset(token: str, *, now: datetime) -> UserRecord:
    """Return whose password may be chosen with this token. Raises ResetOver."""
    query = select(PasswordReset.user_id).where(
        PasswordReset.token_hash == token_hash(token), PasswordReset.expires_at > now
    )
    user_id = db.session.scalar(query)
    if user_id is None:
        raise ResetOver
    user = get_user(user_id)
    if user.disabled_at is not None:
        raise ResetOver
    return user


def use_reset(token: str, password: str, *, revokes_tokens: bool, now: datetime) -> None:
    """Set the new password, end all sessions, and use the reset up.

    With `revokes_tokens` the API tokens go, too. Raises BadOption, which leaves the reset as it
    was, and ResetOver.
    """
    user = find_reset(token, now=now)
    check_new_password(password, [user.name, user.email or ""])
    password_hash = hash_password(password)
    with write_transaction() as session:
        row = lock_user(session, user.id)
        if row.disabled_at is not None or not _take(session, token, now):
            raise ResetOver
        row.password_hash = password_hash
        actor = Actor(user.id, "page")
        delete_sessions(session, user.id)
        if revokes_tokens:
            session.execute(delete(ApiToken).where(ApiToken.user_id == user.id))
            record(session, actor, "token.revoke_all", user.id, now=now)
        record(session, actor, "user.password", user.id, "by reset", now=now)


def _take(session: Session, token: str, now: datetime) -> bool:
    """Delete the reset, and say whether it was there."""
    taken = delete(PasswordReset).where(
        PasswordReset.token_hash == token_hash(token), PasswordReset.expires_at > now
    )
    return session.execute(taken.returning(PasswordReset.id)).first() is not None
