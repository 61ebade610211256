"""What users have chosen to be told of, and how: for all their links, or for one."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, and_, delete, select
from sqlalchemy.orm import Session

from minifile.errors import BadOption, NotFound
from minifile.extensions import db, write_transaction
from minifile.models import File, Subscription, User
from minifile.notification_values import NotificationKind
from minifile.policy.daily_mails import check_zone, list_zones
from minifile.services.daily_mails import drop_waiting_mails, release_held
from minifile.services.unfetched import MAX_HOURS
from minifile.services.users import lock_user


class MailMode(StrEnum):
    """How mails about notifications come."""

    EACH = "off"
    DAILY = "daily"


@dataclass(frozen=True, slots=True)
class Choice:
    """One kind told in one way; without a webhook by mail."""

    kind: str
    webhook_id: int | None


@dataclass(frozen=True, slots=True)
class Habits:
    """What somebody has chosen once for all notifications."""

    email: str | None
    hours: int
    """How long before a link expires they hear that nobody has fetched it."""
    mode: str
    zone: str
    """Where it has to be eight o'clock for the one mail a day."""


def read_choices(user_id: int, link_id: int | None = None) -> set[Choice]:
    """Return what is chosen for one link, or with None for all links."""
    query = select(Subscription.kind, Subscription.webhook_id)
    found = db.session.execute(query.where(_is_of(user_id, link_id)))
    return {Choice(kind, webhook_id) for kind, webhook_id in found}


def write_choices(
    user_id: int,
    wanted: Collection[Choice],
    offered: Collection[Choice],
    *,
    link_id: int | None = None,
    now: datetime,
) -> None:
    """Choose what is wanted, and end what was offered and is not; the rest stays as it is."""
    with write_transaction() as session:
        lock_user(session, user_id)
        _replace(session, user_id, link_id, set(wanted), set(offered), now)


def read_habits(user_id: int) -> Habits:
    """Return what somebody has chosen once. Raises NotFound."""
    row = db.session.get(User, user_id, populate_existing=True)
    if row is None:
        raise NotFound("There is no such user.")
    return Habits(row.email, row.unfetched_hours, row.digest, row.digest_zone)


def zones_to_choose() -> Sequence[str]:
    """Return the names of the time zones that somebody may choose."""
    return list_zones()


def write_habits(user_id: int, hours: int, mode: str, zone: str, *, now: datetime) -> None:
    """Keep what somebody chooses once. Raises BadOption.

    Mails that were kept for the one of the day go out by themselves once there is none.
    """
    check_zone(zone)
    if not 1 <= hours <= MAX_HOURS:
        raise BadOption(f"Give a number of hours from 1 to {MAX_HOURS}.")
    with write_transaction() as session:
        row = lock_user(session, user_id)
        row.unfetched_hours, row.digest, row.digest_zone = hours, MailMode(mode), zone
        if row.digest == MailMode.EACH:
            release_held(session, user_id, now)


def is_chosen(user_id: int, kind: str, link_id: int | None) -> bool:
    """Say whether mails about a kind are chosen; for NotificationKind.DIGEST: any mail at all."""
    query = select(Subscription.id).where(_is_mail(user_id, kind, link_id))
    return db.session.scalar(query.limit(1)) is not None


def switch_mails_off(user_id: int, kind: str, link_id: int | None) -> None:
    """End the mails about one kind, of a link or of all, or with NotificationKind.DIGEST all mails.

    What is waiting to be sent is not sent any more. Nothing that is off already is an error.
    """
    with write_transaction() as session:
        session.execute(
            delete(Subscription)
            .where(_is_mail(user_id, kind, link_id))
            .execution_options(synchronize_session=False)
        )
        still = select(Subscription.id).where(_is_mail(user_id, kind, None))
        # Who hears of all links by mail anyway still wants what waits.
        if link_id is None or session.scalar(still.limit(1)) is None:
            drop_waiting_mails(
                session, user_id, None if kind == NotificationKind.DIGEST else kind, link_id
            )


def _replace(
    session: Session,
    user_id: int,
    link_id: int | None,
    wanted: set[Choice],
    offered: set[Choice],
    now: datetime,
) -> None:
    is_of = _is_of(user_id, link_id)
    rows = {
        Choice(row.kind, row.webhook_id): row
        for row in session.scalars(select(Subscription).where(is_of))
    }
    for choice in (offered - wanted) & rows.keys():
        session.delete(rows[choice])
    for choice in (offered & wanted) - rows.keys():
        session.add(
            Subscription(
                user_id=user_id,
                link_id=link_id,
                kind=choice.kind,
                webhook_id=choice.webhook_id,
                created_at=now,
            )
        )


def _is_of(user_id: int, link_id: int | None) -> ColumnElement[bool]:
    of_link = Subscription.link_id.is_(None) if link_id is None else Subscription.link_id == link_id
    return and_(Subscription.user_id == user_id, of_link)


def _is_mail(user_id: int, kind: str, link_id: int | None) -> ColumnElement[bool]:
    is_mail = and_(Subscription.user_id == user_id, Subscription.webhook_id.is_(None))
    if kind == NotificationKind.DIGEST:
        return is_mail
    return and_(is_mail, _is_of(user_id, link_id), Subscription.kind == kind)


def link_words(link_id: int) -> str | None:
    """Return the names of a link's files in a few words; None where it is gone."""
    query = select(File.filename).where(File.link_id == link_id).order_by(File.position)
    names = db.session.scalars(query.limit(2)).all()
    if not names:
        return None
    return names[0] if len(names) == 1 else f"{names[0]} and more"
