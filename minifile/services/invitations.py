"""Invitations: an account for whoever has the secret address, once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError

from minifile.codes import new_token, token_hash
from minifile.errors import BadOption, InvitationOver, LinkNotFound, NotFound, Taken
from minifile.extensions import db, write_transaction
from minifile.identity import Actor, UserRole
from minifile.models import Invitation
from minifile.policy.identity import clean_email
from minifile.services.admin_offers import check_maker
from minifile.services.audit import record
from minifile.services.users import (
    UserRecord,
    as_record,
    draft_user,
    find_row,
    insert_user,
    taken,
)

LIFETIME = timedelta(days=7)
MAX_LIFETIME = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class InvitationRecord:
    """An invitation, as the row was read."""

    id: int
    email: str | None
    role: str
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None


def invite(
    *,
    email: str | None = None,
    role: UserRole = UserRole.USER,
    lifetime: timedelta = LIFETIME,
    actor: Actor,
    now: datetime,
) -> tuple[str, InvitationRecord]:
    """Make an invitation and return its token, this once, with its record.

    Who accepts it gets the role, and the address if one is given. Raises BadOption, and Taken
    for an address that has an account, and Forbidden for a maker who is no admin any more.
    """
    if not timedelta(0) < lifetime <= MAX_LIFETIME:
        raise BadOption(f"An invitation holds for at most {MAX_LIFETIME.days} days.")
    email = clean_email(email) if email else None
    if email is not None and find_row(email) is not None:
        raise Taken("Another user has this e-mail address.")
    token = new_token()
    with write_transaction() as session:
        row = Invitation(
            token_hash=token_hash(token),
            inviter_id=actor.user_id,
            email=email,
            role=role.value,
            created_at=now,
            expires_at=now + lifetime,
        )
        session.add(row)
        session.flush()
        check_maker(session, actor)
        record(session, actor, "invitation.create", row.id, f"role {row.role}", now=now)
    return token, _as_record(row)


def find_invitation(token: str, *, now: datetime) -> InvitationRecord:
    """Return the invitation of an address. Raises LinkNotFound, and InvitationOver once it is."""
    row = db.session.scalar(select(Invitation).where(Invitation.token_hash == token_hash(token)))
    return _as_record(_checked(row, now))


def accept_invitation(token: str, name: str, password: str, *, now: datetime) -> UserRecord:
    """Make the account of an invitation, and use the invitation up.

    Of several who come at once one gets the account. Raises BadOption and Taken, which
    leave the invitation as it was, and LinkNotFound and InvitationOver.
    """
    invitation = find_invitation(token, now=now)
    user = draft_user(
        name,
        email=invitation.email,
        password=password,
        role=UserRole(invitation.role),
        now=now,
    )
    query = select(Invitation).where(Invitation.id == invitation.id).with_for_update()
    try:
        with write_transaction() as session:
            row = _checked(session.scalar(query.execution_options(populate_existing=True)), now)
            insert_user(session, user, None, now)
            row.used_at, row.user_id = now, user.id
            maker = Actor(user.id, "page")
            record(session, maker, "invitation.accept", row.id, now=now)
    except IntegrityError:
        raise taken(user) from None
    return as_record(user)


def list_invitations(*, now: datetime) -> list[InvitationRecord]:
    """Return the invitations that can be accepted still, the newest first."""
    is_open = (Invitation.used_at.is_(None)) & (Invitation.expires_at > now)
    found: Sequence[Invitation] = db.session.scalars(
        select(Invitation).where(is_open).order_by(Invitation.id.desc())
    ).all()
    return [_as_record(row) for row in found]


def withdraw_invitation(invitation_id: int, *, actor: Actor, now: datetime) -> None:
    """Delete an invitation that nobody has accepted yet. Raises NotFound."""
    with write_transaction() as session:
        gone = session.execute(
            delete(Invitation)
            .where(Invitation.id == invitation_id, Invitation.used_at.is_(None))
            .returning(Invitation.id)
        ).first()
        if gone is None:
            raise NotFound("There is no such invitation, or it has been accepted.")
        record(session, actor, "invitation.withdraw", invitation_id, now=now)


def _checked(row: Invitation | None, now: datetime) -> Invitation:
    if row is None:
        # Nothing tells whether there ever was one.
        raise LinkNotFound
    if row.used_at is not None:
        raise InvitationOver("This invitation has been used. Sign in, or ask for another one.")
    if row.expires_at <= now:
        raise InvitationOver("This invitation has expired. Ask for another one.")
    return row


def _as_record(row: Invitation) -> InvitationRecord:
    return InvitationRecord(
        row.id, row.email, row.role, row.created_at, row.expires_at, row.used_at
    )
