"""Users: make one, find one, change one. Every change is in the audit log."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime

from sqlalchemy import delete, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from minifile.errors import LastAdmin, NotFound, Taken
from minifile.extensions import db, write_transaction
from minifile.identity import Actor, Allowance, UserRole
from minifile.models import ApiToken, PasswordReset, User
from minifile.policy.identity import (
    as_text,
    check_new_password,
    clean_email,
    clean_name,
    email_key,
    name_key,
)
from minifile.services.admin_offers import withdraw_offers
from minifile.services.allowances import own_allowance
from minifile.services.audit import record
from minifile.services.passwords import hash_password
from minifile.services.user_sessions import delete_sessions

# Longer texts are nobody's name or address.
MAX_ASKED = 300


@dataclass(frozen=True, slots=True)
class UserRecord:
    """A user, as the row was read."""

    id: int
    name: str
    email: str | None
    role: str
    created_at: datetime
    disabled_at: datetime | None
    signed_in_at: datetime | None
    has_password: bool
    limits: Allowance

    @property
    def is_admin(self) -> bool:
        return self.role == UserRole.ADMIN


def create_user(
    name: str,
    *,
    email: str | None = None,
    password: str | None,
    role: UserRole = UserRole.USER,
    actor: Actor | None = None,
    now: datetime,
) -> UserRecord:
    """Make a user; without a password they sign in by OpenID Connect only.

    `actor` is None for who makes their own account. Raises BadOption, and Taken for a name or
    an address that is, or looks like, another user's.
    """
    user = draft_user(name, email=email, password=password, role=role, now=now)
    try:
        with write_transaction() as session:
            insert_user(session, user, actor, now)
    except IntegrityError:
        raise taken(user) from None
    return as_record(user)


def draft_user(
    name: str, *, email: str | None, password: str | None, role: UserRole, now: datetime
) -> User:
    """Return a new row, judged and with its password hashed, for `insert_user`."""
    name, email = clean_name(name), clean_email(email) if email else None
    if password is not None:
        check_new_password(password, [name, email or ""])
    return User(
        name=name,
        name_key=name_key(name),
        email=email,
        email_key=email_key(email) if email else None,
        password_hash=None if password is None else hash_password(password),
        role=role.value,
        created_at=now,
    )


def insert_user(session: Session, user: User, actor: Actor | None, now: datetime) -> None:
    """Write the row within the caller's transaction. Raises IntegrityError; see `taken`."""
    session.add(user)
    session.flush()
    maker = actor or Actor(user.id, "page")
    record(session, maker, "user.create", user.id, f"role {user.role}", now=now)


def taken(user: User) -> Taken:
    """Return what to say when the database has refused a name or an address."""
    if user.email_key is not None:
        query = select(User.id).where(User.email_key == user.email_key, User.id != user.id)
        if db.session.execute(query).first() is not None:
            return Taken("Another user has this e-mail address.")
    return Taken("Another user has this name, or one that looks like it.")


def find_user(name_or_email: str) -> UserRecord | None:
    """Return the user of a name, however it is written, or of an e-mail address."""
    row = find_row(name_or_email)
    return None if row is None else as_record(row)


def find_row(name_or_email: str) -> User | None:
    """Return the row of a name or an address. A name never holds an @."""
    column = User.email_key if "@" in name_or_email else User.name_key
    return db.session.scalar(select(User).where(column == asked_key(name_or_email)))


def asked_key(name_or_email: str) -> str:
    """Return what a name or an address is found by."""
    text = name_or_email.strip()[:MAX_ASKED]
    return email_key(text) if "@" in name_or_email else name_key(text)


def has_users() -> bool:
    """Say whether there is any account on this instance."""
    return db.session.execute(select(User.id).limit(1)).first() is not None


def get_user(user_id: int) -> UserRecord:
    """Return the user. Raises NotFound."""
    row = db.session.get(User, user_id, populate_existing=True)
    if row is None:
        raise NotFound("There is no such user.")
    return as_record(row)


def list_users(search: str = "", *, limit: int = 50, offset: int = 0) -> list[UserRecord]:
    """Return users by name; `search` is a part of the name or of the address."""
    query = select(User)
    if search.strip():
        part = as_text(search).strip()[:MAX_ASKED]
        found = User.name.icontains(part, autoescape=True)
        query = query.where(or_(found, User.email.icontains(part, autoescape=True)))
    query = query.order_by(User.name_key).limit(limit).offset(offset)
    return [as_record(row) for row in db.session.scalars(query)]


def change_password(
    user_id: int,
    password: str,
    *,
    actor: Actor,
    now: datetime,
    keep_session: int | None = None,
    revokes_tokens: bool = False,
) -> None:
    """Set a new password and end every session of the user but `keep_session`, and every reset.

    With `revokes_tokens` the API tokens go, too.
    """
    user = get_user(user_id)
    check_new_password(password, [user.name, user.email or ""])
    password_hash = hash_password(password)
    with write_transaction() as session:
        lock_user(session, user_id).password_hash = password_hash
        delete_sessions(session, user_id, but=keep_session)
        session.execute(delete(PasswordReset).where(PasswordReset.user_id == user_id))
        if revokes_tokens:
            session.execute(delete(ApiToken).where(ApiToken.user_id == user_id))
            record(session, actor, "token.revoke_all", user_id, now=now)
        record(session, actor, "user.password", user_id, now=now)


def change_role(user_id: int, role: UserRole, *, actor: Actor, now: datetime) -> None:
    """Make a user an admin, or an admin a user. Raises LastAdmin."""
    change_user(user_id, role=role, actor=actor, now=now)


def disable_user(user_id: int, *, actor: Actor, now: datetime) -> None:
    """Let a user sign in no more, and end their sessions. Raises LastAdmin.

    Links stay as they are, API tokens are refused meanwhile.
    """
    change_user(user_id, is_disabled=True, actor=actor, now=now)


def enable_user(user_id: int, *, actor: Actor, now: datetime) -> None:
    """Let a disabled user sign in again."""
    change_user(user_id, is_disabled=False, actor=actor, now=now)


def change_limits(user_id: int, limits: Allowance, *, actor: Actor, now: datetime) -> None:
    """Set what this user is allowed; it may be less than what they use now."""
    change_user(user_id, limits=limits, actor=actor, now=now)


def change_user(
    user_id: int,
    *,
    role: UserRole | None = None,
    is_disabled: bool | None = None,
    limits: Allowance | None = None,
    actor: Actor,
    now: datetime,
) -> None:
    """Change all that is given of a user, or nothing. Raises NotFound and LastAdmin.

    With the role, or the way in, ends what an admin has handed out.
    """
    with write_transaction() as session:
        if is_disabled or role is UserRole.USER:
            check_not_last_admin(session, user_id)
        row = lock_user(session, user_id)
        if role is not None and row.role != role:
            row.role = role.value
            if role is UserRole.USER:
                withdraw_offers(session, user_id)
            record(session, actor, "user.role", user_id, role.value, now=now)
        if is_disabled is not None and is_disabled != (row.disabled_at is not None):
            row.disabled_at = now if is_disabled else None
            delete_sessions(session, user_id)
            withdraw_offers(session, user_id)
            action = "user.disable" if is_disabled else "user.enable"
            record(session, actor, action, user_id, now=now)
        if limits is not None:
            _set_limits(row, limits)
            said = (f"{field.name} {getattr(limits, field.name)}" for field in fields(limits))
            record(session, actor, "user.limits", user_id, ", ".join(said), now=now)


def _set_limits(row: User, limits: Allowance) -> None:
    row.max_file_size, row.quota = limits.max_file_size, limits.quota
    row.max_links, row.daily_upload = limits.max_links, limits.daily_upload
    lifetime = limits.max_lifetime
    row.max_lifetime_seconds = None if lifetime is None else int(lifetime.total_seconds())


def lock_user(session: Session, user_id: int) -> User:
    """Read a user anew and hold the row until the transaction ends. Raises NotFound.

    Rows that only refer to the user do not wait: a settlement that holds a link writes some.
    """
    query = select(User).where(User.id == user_id).with_for_update(key_share=True)
    row = session.scalar(query.execution_options(populate_existing=True))
    if row is None:
        raise NotFound("There is no such user.")
    return row


def check_not_last_admin(session: Session, user_id: int) -> None:
    """Raise LastAdmin for the only admin who can sign in; holds all of them meanwhile.

    So of two admins who demote one another at once, one stays.
    """
    query = select(User.id).where(User.role == UserRole.ADMIN.value, User.disabled_at.is_(None))
    admins: Sequence[int] = session.scalars(query.order_by(User.id).with_for_update()).all()
    if list(admins) == [user_id]:
        raise LastAdmin


def as_record(row: User) -> UserRecord:
    """Return a row as a value."""
    return UserRecord(
        id=row.id,
        name=row.name,
        email=row.email,
        role=row.role,
        created_at=row.created_at,
        disabled_at=row.disabled_at,
        signed_in_at=row.signed_in_at,
        has_password=row.password_hash is not None,
        limits=own_allowance(row),
    )
