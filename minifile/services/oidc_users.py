"""Whom an identity at the OpenID Connect provider signs in here.

A user is found by issuer and subject alone. An e-mail address proves nothing: it would let whoever
gets the address at the provider into the account that has it here.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from minifile.codes import new_code
from minifile.errors import (
    BadOption,
    IdentityRefused,
    IdentityTaken,
    LastAdmin,
    NotFound,
    ServiceBusy,
)
from minifile.extensions import db, write_transaction
from minifile.identity import BY_INSTANCE, Actor, UserRole
from minifile.models import OidcIdentity, User
from minifile.policy.identity import email_key, name_key
from minifile.policy.oidc_claims import possible_names, quota_of, role_of, verified_email
from minifile.services.admin_offers import withdraw_offers
from minifile.services.audit import record
from minifile.services.users import check_not_last_admin, draft_user, insert_user, lock_user

log = logging.getLogger("minifile")

# Others may sign in for the first time at the same moment, and take the name.
_ROUNDS = 5
_NUMBERED_AT_MOST = 100


@dataclass(frozen=True, slots=True)
class ClaimRules:
    """What the instance makes of a provider's claims; an empty name leaves a thing alone."""

    creates_users: bool
    role_claim: str
    admin_values: Sequence[str]
    quota_claim: str


def enter(claims: Mapping[str, Any], issuer: str, rules: ClaimRules, *, now: datetime) -> int:
    """Return the id of the user that the claims sign in, made on the first time.

    Role and quota follow the claims where the rules name one. Raises IdentityRefused for a
    disabled user and for a new one where none are made, IdentityTaken where the address of a new
    one is another user's.
    """
    for _ in range(_ROUNDS):
        try:
            with write_transaction() as session:
                known = _identity(session, issuer, claims["sub"])
                if known is None:
                    return _make_user(session, claims, issuer, rules, now)
                return _let_in(session, known.user_id, claims, rules, now)
        except IntegrityError:
            # Somebody was faster: with this name, or this very identity in another window.
            continue
    raise ServiceBusy


def link_identity(user_id: int, issuer: str, subject: str, *, now: datetime) -> None:
    """Let an identity sign in a user who is signed in now. Raises IdentityTaken."""
    try:
        with write_transaction() as session:
            lock_user(session, user_id)
            known = _identity(session, issuer, subject)
            if known is not None and known.user_id == user_id:
                return
            if known is not None:
                raise IdentityTaken("Another account here is linked to that sign-in already.")
            if _first_link(session, user_id) is not None:
                raise IdentityTaken("Your account is linked already. Unlink it first.")
            _add_identity(session, user_id, issuer, subject, Actor(user_id, "page"), now)
    except IntegrityError:
        raise IdentityTaken("Another account here is linked to that sign-in already.") from None


def unlink_identity(user_id: int, *, now: datetime) -> None:
    """Let a user sign in by password only. Raises IdentityTaken for who has none, NotFound."""
    with write_transaction() as session:
        if lock_user(session, user_id).password_hash is None:
            raise IdentityTaken("Set a password first, or you could not sign in any more.")
        gone = session.scalars(
            delete(OidcIdentity).where(OidcIdentity.user_id == user_id).returning(OidcIdentity.id)
        ).all()
        if not gone:
            raise NotFound("Your account is not linked.")
        record(session, Actor(user_id, "page"), "oidc.unlink", user_id, now=now)


def linked_since(user_id: int) -> datetime | None:
    """Return since when a user can sign in by OpenID Connect; None for who can't."""
    link = _first_link(db.session(), user_id)
    return None if link is None else link.created_at


def _identity(session: Session, issuer: str, subject: str) -> OidcIdentity | None:
    query = select(OidcIdentity).where(
        OidcIdentity.issuer == issuer, OidcIdentity.subject == subject
    )
    return session.scalar(query)


def _first_link(session: Session, user_id: int) -> OidcIdentity | None:
    query = select(OidcIdentity).where(OidcIdentity.user_id == user_id)
    return session.scalar(query.order_by(OidcIdentity.id).limit(1))


def _make_user(
    session: Session, claims: Mapping[str, Any], issuer: str, rules: ClaimRules, now: datetime
) -> int:
    if not rules.creates_users:
        raise IdentityRefused("There is no account for you here. Ask the admin for an invitation.")
    email = verified_email(claims)
    if email is not None and _has_row(session, User.email_key == email_key(email)):
        raise IdentityTaken(
            "An account here has your e-mail address already. Sign in to it with its password,"
            " and link it on the account page."
        )
    role = _wanted_role(claims, rules) or UserRole.USER
    name = _free_name(session, claims)
    user = draft_user(name, email=email, password=None, role=role, now=now)
    insert_user(session, user, None, now)
    _follow_quota(session, user, claims, rules, now)
    _add_identity(session, user.id, issuer, claims["sub"], Actor(user.id, "page"), now)
    return user.id


def _let_in(
    session: Session, user_id: int, claims: Mapping[str, Any], rules: ClaimRules, now: datetime
) -> int:
    role = _wanted_role(claims, rules)
    if role is UserRole.USER and _is_last_admin(session, user_id):
        log.warning("user %s stays an admin against the claim: there is no other", user_id)
        role = None
    user = lock_user(session, user_id)
    if user.disabled_at is not None:
        raise IdentityRefused("Your account here is disabled. Ask the admin.")
    if role is not None and user.role != role:
        user.role = role.value
        if role is UserRole.USER:
            withdraw_offers(session, user_id)
        record(session, BY_INSTANCE, "user.role", user_id, f"{role.value}, by claim", now=now)
    _follow_quota(session, user, claims, rules, now)
    return user_id


def _wanted_role(claims: Mapping[str, Any], rules: ClaimRules) -> UserRole | None:
    if not rules.role_claim:
        return None
    return role_of(claims, rules.role_claim, rules.admin_values)


def _is_last_admin(session: Session, user_id: int) -> bool:
    # Asked before the user is locked: all admins are locked in one order.
    try:
        check_not_last_admin(session, user_id)
    except LastAdmin:
        return True
    return False


def _follow_quota(
    session: Session, user: User, claims: Mapping[str, Any], rules: ClaimRules, now: datetime
) -> None:
    if not rules.quota_claim:
        return
    try:
        quota = quota_of(claims, rules.quota_claim)
    except BadOption:
        log.warning("user %s keeps their quota: the claim is no size", user.id)
        return
    if user.quota != quota:
        user.quota = quota
        record(session, BY_INSTANCE, "user.limits", user.id, f"quota {quota}, by claim", now=now)


def _free_name(session: Session, claims: Mapping[str, Any]) -> str:
    names = possible_names(claims)
    for name in islice(names, _NUMBERED_AT_MOST):
        if not _has_row(session, User.name_key == name_key(name)):
            return name
    return f"user {new_code()}"


def _has_row(session: Session, condition: Any) -> bool:
    return session.execute(select(User.id).where(condition)).first() is not None


def _add_identity(
    session: Session, user_id: int, issuer: str, subject: str, actor: Actor, now: datetime
) -> None:
    session.add(OidcIdentity(issuer=issuer, subject=subject, user_id=user_id, created_at=now))
    session.flush()
    record(session, actor, "oidc.link", user_id, now=now)
