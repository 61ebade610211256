"""The one mail a day: what was kept for it is put together in one transaction.

A mail that somebody wants once a day is a dispatch that is held. When it is due, all that is held
becomes one notification with one dispatch of its own, which goes out as any other: under one
Message-ID, again and again until the server takes it. So each event is in one mail, and a crash
leaves it where it was or has it done.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from minifile.extensions import db, release_connection
from minifile.models import Dispatch, Notification, User
from minifile.notification_values import DispatchState, NotificationKind
from minifile.policy.daily_mails import next_daily_mail
from minifile.services.notifications import target_of
from minifile.services.pacing import unhurried_transaction

# What one mail tells of at most; more make another mail.
MAX_EVENTS = 200


def gather_daily_mails(*, now: datetime) -> int:
    """Make the mails that are due of what is held; return how many. Who has nothing gets none."""
    made = 0
    for user_id, zone, oldest in _holders():
        while oldest is not None and next_daily_mail(oldest, zone) <= now:
            oldest = _gather(user_id, now)
            made += 1
    return made


def release_held(session: Session, user_id: int, now: datetime) -> None:
    """Let each mail that is held go out by itself, within the caller's transaction."""
    session.execute(
        update(Dispatch)
        .where(Dispatch.id.in_(_mails_of(user_id)), Dispatch.state == DispatchState.HELD)
        .values(state=DispatchState.PENDING, next_at=now)
        .execution_options(synchronize_session=False)
    )


def drop_waiting_mails(
    session: Session, user_id: int, kind: str | None, link_id: int | None
) -> None:
    """Delete mails that were not sent yet: of a kind, of a link; None stands for all."""
    session.execute(
        delete(Dispatch)
        .where(
            Dispatch.id.in_(_mails_of(user_id, kind, link_id)),
            Dispatch.state.in_([DispatchState.HELD, DispatchState.PENDING]),
        )
        .execution_options(synchronize_session=False)
    )


def _mails_of(user_id: int, kind: str | None = None, link_id: int | None = None) -> Any:
    query = (
        select(Dispatch.id)
        .join(Notification, Notification.id == Dispatch.notification_id)
        .where(Notification.user_id == user_id, Dispatch.webhook_id.is_(None))
    )
    if kind is not None:
        query = query.where(Notification.kind == kind)
    return query if link_id is None else query.where(Notification.link_id == link_id)


def _holders() -> Sequence[tuple[int, str, datetime | None]]:
    """Return who has mails held, with their zone and the time of the oldest event."""
    query = (
        select(User.id, User.digest_zone, func.min(Notification.at))
        .join(Notification, Notification.user_id == User.id)
        .join(Dispatch, Dispatch.notification_id == Notification.id)
        .where(Dispatch.state == DispatchState.HELD)
        .group_by(User.id, User.digest_zone)
    )
    found = [(row[0], row[1], row[2]) for row in db.session.execute(query)]
    release_connection()
    return found


def _gather(user_id: int, now: datetime) -> datetime | None:
    """Make one mail of what is held the longest; return when the oldest of the rest happened."""
    with unhurried_transaction(durable=True) as session:
        # Two processes at once must not both tell of it.
        holding = select(User.id).where(User.id == user_id)
        session.execute(holding.with_for_update(key_share=True))
        query = (
            select(Dispatch.id, Notification)
            .join(Notification, Notification.id == Dispatch.notification_id)
            .where(Notification.user_id == user_id, Dispatch.state == DispatchState.HELD)
            .order_by(Dispatch.id)
            .limit(MAX_EVENTS + 1)
        )
        rows = session.execute(query).all()
        if not rows:
            return None
        told = rows[:MAX_EVENTS]
        summary = Notification(
            key=f"{NotificationKind.DIGEST}:{user_id}:{told[0][0]}",
            kind=NotificationKind.DIGEST,
            user_id=user_id,
            link_id=None,
            payload={"events": [_event(notification) for _, notification in told]},
            at=now,
        )
        session.add(summary)
        session.flush()
        session.add(
            Dispatch(
                notification_id=summary.id,
                target=target_of(user_id, None),
                line=0,
                state=DispatchState.PENDING,
                next_at=now,
            )
        )
        session.execute(
            update(Dispatch)
            .where(Dispatch.id.in_([dispatch_id for dispatch_id, _ in told]))
            .values(state=DispatchState.GATHERED)
            .execution_options(synchronize_session=False)
        )
        return rows[MAX_EVENTS][1].at if len(rows) > MAX_EVENTS else None


def _event(row: Notification) -> dict[str, Any]:
    return {
        "kind": row.kind,
        "at": row.at.isoformat(),
        "link_id": row.link_id,
        "payload": row.payload,
    }
