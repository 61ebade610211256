"""API tokens: make one, tell who acts by one, revoke one."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, or_, select, update

from minifile.codes import new_token, token_hash
from minifile.errors import BadOption, NotFound, TokenRefused
from minifile.extensions import db, write_transaction
from minifile.identity import Account, Actor, Scope, UserRole
from minifile.models import ApiToken, User
from minifile.services.audit import record
from minifile.services.users import lock_user

PREFIX = "mf_"
MAX_NAME = 64
MAX_TOKENS = 100
_FORM = re.compile(r"mf_[A-Za-z0-9_-]{32}")
# How exactly "last used" is kept.
_USED_WITHIN = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class TokenRecord:
    """A token, as its user sees it; the token itself is shown once."""

    id: int
    name: str
    scopes: tuple[Scope, ...]
    created_at: datetime
    expires_at: datetime | None
    used_at: datetime | None

    def is_expired(self, now: datetime) -> bool:
        return self.expires_at is not None and self.expires_at <= now


def create_token(
    user_id: int,
    name: str,
    scopes: Collection[Scope],
    *,
    lifetime: timedelta | None,
    actor: Actor,
    now: datetime,
) -> tuple[str, TokenRecord]:
    """Make a token and return it, this once, with its record. `lifetime` None: until revoked.

    Raises BadOption for an empty or too long name, no scope, or too many tokens; a scope that
    the user does not have is refused, too.
    """
    name = " ".join(name.split())
    if not 1 <= len(name) <= MAX_NAME or not name.isprintable():
        raise BadOption(f"Give the token a name of 1 to {MAX_NAME} characters.")
    if not scopes:
        raise BadOption("Choose at least one scope for the token.")
    token = PREFIX + new_token()
    with write_transaction() as session:
        user = lock_user(session, user_id)
        if Scope.ADMIN in scopes and user.role != UserRole.ADMIN:
            raise BadOption("Only admins can make a token with the scope admin.")
        held = session.scalar(select(func.count()).where(ApiToken.user_id == user_id)) or 0
        if held >= MAX_TOKENS:
            raise BadOption(f"There are {MAX_TOKENS} tokens already. Revoke one first.")
        row = ApiToken(
            token_hash=token_hash(token),
            user_id=user_id,
            name=name,
            scopes=" ".join(sorted(scopes)),
            created_at=now,
            expires_at=None if lifetime is None else now + lifetime,
        )
        session.add(row)
        session.flush()
        record(session, actor, "token.create", user_id, f"token {row.id}: {row.scopes}", now=now)
    return token, _as_record(row)


def account_of_token(token: str, *, now: datetime) -> Account:
    """Return who acts by this token. Raises TokenRefused.

    What its scopes name counts as far as the user may do it now: `admin` only while they are one.
    """
    if _FORM.fullmatch(token) is None:
        raise TokenRefused
    query = (
        select(ApiToken.id, ApiToken.scopes, ApiToken.used_at, User.id, User.name, User.role)
        .join(User, User.id == ApiToken.user_id)
        .where(
            ApiToken.token_hash == token_hash(token),
            or_(ApiToken.expires_at.is_(None), ApiToken.expires_at > now),
            User.disabled_at.is_(None),
        )
    )
    row = db.session.execute(query).first()
    if row is None:
        raise TokenRefused
    token_id, scopes, used_at, user_id, name, role = row
    if used_at is None or now - used_at > _USED_WITHIN:
        _note_used(token_id, now)
    return Account(user_id, name, role, _scopes(scopes), token_id=token_id)


def list_tokens(user_id: int) -> list[TokenRecord]:
    """Return the tokens of a user, the newest first."""
    query = select(ApiToken).where(ApiToken.user_id == user_id).order_by(ApiToken.id.desc())
    return [_as_record(row) for row in db.session.scalars(query)]


def revoke_token(user_id: int, token_id: int, *, actor: Actor, now: datetime) -> None:
    """Delete a token. Raises NotFound for another user's."""
    with write_transaction() as session:
        gone = session.execute(
            delete(ApiToken)
            .where(ApiToken.id == token_id, ApiToken.user_id == user_id)
            .returning(ApiToken.id)
        ).first()
        if gone is None:
            raise NotFound("There is no such token.")
        record(session, actor, "token.revoke", user_id, f"token {token_id}", now=now)


def revoke_tokens(user_id: int, *, actor: Actor, now: datetime) -> int:
    """Delete all tokens of a user; return how many."""
    with write_transaction() as session:
        theirs = delete(ApiToken).where(ApiToken.user_id == user_id).returning(ApiToken.id)
        count = len(session.scalars(theirs).all())
        record(session, actor, "token.revoke_all", user_id, f"{count} revoked", now=now)
    return count


def _note_used(token_id: int, now: datetime) -> None:
    with write_transaction(durable=False) as session:
        session.execute(
            update(ApiToken)
            .where(ApiToken.id == token_id)
            .values(used_at=now)
            .execution_options(synchronize_session=False)
        )


def _as_record(row: ApiToken) -> TokenRecord:
    scopes = tuple(sorted(_scopes(row.scopes)))
    return TokenRecord(row.id, row.name, scopes, row.created_at, row.expires_at, row.used_at)


def _scopes(text: str) -> frozenset[Scope]:
    return frozenset(Scope(word) for word in text.split())
