"""Sessions: signing in, staying signed in, signing out.

A session is a row; the cookie holds only its nonce. So an old cookie is worth nothing once the row
is gone, and role and standing of the user are those of the moment of each request.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session

from minifile.codes import new_token, token_hash
from minifile.errors import NotFound, SignInRefused, TooManyTries
from minifile.extensions import db, write_transaction
from minifile.identity import Account, Actor, Scope
from minifile.models import User, UserSession
from minifile.policy.identity import MAX_EMAIL, email_key, name_key
from minifile.services.audit import record
from minifile.services.passwords import hash_password, verify_password
from minifile.services.rate_limits import WRONG_SIGN_INS, WRONG_SIGN_INS_ADDRESS, RateLimits

# How exactly "last used" is kept: a write for each request would be too much.
_SEEN_WITHIN = timedelta(minutes=5)
_EVERYTHING = frozenset(Scope)


@dataclass(frozen=True, slots=True)
class SessionTimes:
    """How long a session lasts when it is not used, and at most."""

    idle: timedelta
    at_most: timedelta


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """A session, as its user sees it."""

    id: int
    created_at: datetime
    seen_at: datetime
    expires_at: datetime
    user_agent: str


def check_sign_in(
    name_or_email: str, password: str, *, address: str, rates: RateLimits, now: datetime
) -> int:
    """Return the id of the user whose name, or address, and password these are.

    Raises SignInRefused in the same words and after the same work for an unknown name, a wrong
    password and a disabled user, and TooManyTries. Only failures are counted: for the name with
    the address of the visitor, so that nobody can lock somebody else out, and for the address.
    Each try counts as one until it is judged, which takes long.
    """
    asked = name_or_email.strip()[:MAX_EMAIL]
    by_email = "@" in asked
    key = email_key(asked) if by_email else name_key(asked)
    _take_try(rates, key, address)
    column = User.email_key if by_email else User.name_key
    user = db.session.scalar(select(User).where(column == key))
    kept = user.password_hash if user is not None else None
    is_right = verify_password(kept or _some_hash(), password)
    if user is None or kept is None or user.disabled_at is not None or not is_right:
        _note_failure(None if user is None else user.id, now)
        raise SignInRefused
    rates.give_back(WRONG_SIGN_INS, key, address)
    rates.give_back(WRONG_SIGN_INS_ADDRESS, address)
    return user.id


def open_session(user_id: int, *, user_agent: str, times: SessionTimes, now: datetime) -> str:
    """Sign a user in and return the nonce for the cookie. Raises SignInRefused when disabled."""
    nonce = new_token()
    with write_transaction() as session:
        row = session.scalar(select(User).where(User.id == user_id).with_for_update())
        if row is None or row.disabled_at is not None:
            raise SignInRefused
        row.signed_in_at = now
        session.add(
            UserSession(
                session_hash=token_hash(nonce),
                user_id=user_id,
                created_at=now,
                seen_at=now,
                expires_at=now + times.at_most,
                user_agent=user_agent[:255].replace("\0", ""),
            )
        )
        record(session, Actor(user_id, "page"), "session.open", user_id, now=now)
    return nonce


def account_of_session(nonce: str, *, times: SessionTimes, now: datetime) -> Account | None:
    """Return who is signed in by this cookie; None when the session has ended."""
    query = (
        select(UserSession.id, UserSession.seen_at, User.id, User.name, User.role)
        .join(User, User.id == UserSession.user_id)
        .where(
            UserSession.session_hash == token_hash(nonce),
            UserSession.expires_at > now,
            UserSession.seen_at > now - times.idle,
            User.disabled_at.is_(None),
        )
    )
    row = db.session.execute(query).first()
    if row is None:
        return None
    session_id, seen_at, user_id, name, role = row
    if now - seen_at > min(_SEEN_WITHIN, times.idle / 4):
        _note_seen(session_id, now)
    return Account(user_id, name, role, _EVERYTHING, session_id=session_id)


def list_sessions(user_id: int, *, times: SessionTimes, now: datetime) -> list[SessionRecord]:
    """Return the sessions of a user that have not ended, the last used first."""
    query = (
        select(UserSession)
        .where(
            UserSession.user_id == user_id,
            UserSession.expires_at > now,
            UserSession.seen_at > now - times.idle,
        )
        .order_by(UserSession.seen_at.desc(), UserSession.id.desc())
    )
    return [
        SessionRecord(row.id, row.created_at, row.seen_at, row.expires_at, row.user_agent)
        for row in db.session.scalars(query)
    ]


def end_session(user_id: int, session_id: int, *, actor: Actor, now: datetime) -> None:
    """Sign a user out where this session is. Raises NotFound for another user's."""
    with write_transaction() as session:
        gone = session.execute(
            delete(UserSession)
            .where(UserSession.id == session_id, UserSession.user_id == user_id)
            .returning(UserSession.id)
        ).first()
        if gone is None:
            raise NotFound("There is no such session.")
        record(session, actor, "session.end", user_id, now=now)


def end_sessions(user_id: int, *, actor: Actor, now: datetime, but: int | None = None) -> int:
    """Sign a user out everywhere, but in the session `but`; return how many ended."""
    with write_transaction() as session:
        count = delete_sessions(session, user_id, but=but)
        record(session, actor, "session.end_all", user_id, f"{count} ended", now=now)
    return count


def delete_sessions(session: Session, user_id: int, *, but: int | None = None) -> int:
    """Delete the sessions of a user within the caller's transaction; return how many."""
    theirs = delete(UserSession).where(UserSession.user_id == user_id)
    if but is not None:
        theirs = theirs.where(UserSession.id != but)
    return len(session.scalars(theirs.returning(UserSession.id)).all())


def purge_sessions(*, times: SessionTimes, now: datetime) -> int:
    """Delete the rows of sessions that have ended; return how many."""
    is_over = or_(UserSession.expires_at <= now, UserSession.seen_at <= now - times.idle)
    with write_transaction(durable=False) as session:
        gone = session.scalars(delete(UserSession).where(is_over).returning(UserSession.id))
        return len(gone.all())


def _take_try(rates: RateLimits, key: str, address: str) -> None:
    rates.take(WRONG_SIGN_INS, key, address)
    try:
        rates.take(WRONG_SIGN_INS_ADDRESS, address)
    except TooManyTries:
        rates.give_back(WRONG_SIGN_INS, key, address)
        raise


def _note_seen(session_id: int, now: datetime) -> None:
    with write_transaction(durable=False) as session:
        session.execute(
            update(UserSession)
            .where(UserSession.id == session_id, UserSession.seen_at < now)
            .values(seen_at=now)
            .execution_options(synchronize_session=False)
        )


def _note_failure(user_id: int | None, now: datetime) -> None:
    """Write a refused sign-in down; who does not exist is not named."""
    with write_transaction(durable=False) as session:
        record(session, Actor(None, "page"), "session.refused", user_id, now=now)


@cache
def _some_hash() -> str:
    """Return what an unknown name's password is compared with, so that it takes as long."""
    return hash_password(new_token())
