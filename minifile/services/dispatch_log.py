"""What was sent to somebody, and what became of it; sent once more, or deleted when it is old."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, delete, exists, func, or_, select, update

from minifile.errors import Conflict, NotFound
from minifile.extensions import db, release_connection, write_transaction
from minifile.models import Dispatch, Link, Notification, Webhook
from minifile.notification_values import DispatchState, NotificationKind
from minifile.services.pacing import pages_until_gone, unhurried_transaction

PAGE = 50
# The kinds that are told once a link.
_ONCE_A_LINK = (
    NotificationKind.FIRST_DOWNLOAD,
    NotificationKind.EXHAUSTED,
    NotificationKind.UNFETCHED,
)


@dataclass(frozen=True, slots=True)
class DispatchRecord:
    """One notification on its way to one target."""

    id: int
    kind: str
    at: datetime
    code: str | None
    url: str | None
    """The address of the webhook; None: by mail."""
    state: str
    attempts: int
    answer: str | None
    next_at: datetime | None


@dataclass(frozen=True, slots=True)
class Outbox:
    """How the queue of the instance does."""

    pending: int
    failed: int
    oldest_at: datetime | None
    """When the oldest of those that wait happened."""


def list_dispatches(user_id: int, *, page: int = 1) -> Sequence[DispatchRecord]:
    """Return a page of a user's dispatches, the newest first; one more than PAGE if more follow."""
    query = (
        select(Dispatch, Notification, Link.code, Webhook.url)
        .join(Notification, Notification.id == Dispatch.notification_id)
        .outerjoin(Link, (Link.id == Notification.link_id) & (Link.owner_id == user_id))
        .outerjoin(Webhook, Webhook.id == Dispatch.webhook_id)
        .where(Notification.user_id == user_id)
        .order_by(Dispatch.id.desc())
        .offset((page - 1) * PAGE)
        .limit(PAGE + 1)
    )
    return [
        DispatchRecord(
            row.id, told.kind, told.at, code, url, row.state, row.attempts, row.answer, row.next_at
        )
        for row, told, code, url in db.session.execute(query)
    ]


def look_at_outbox() -> Outbox:
    """Return how many dispatches wait or have failed, and how old the oldest is."""
    failed = select(func.count()).where(Dispatch.state == DispatchState.FAILED)
    oldest = (
        select(func.min(Notification.at))
        .join(Dispatch, Dispatch.notification_id == Notification.id)
        .where(Dispatch.state == DispatchState.PENDING)
    )
    outbox = Outbox(count_waiting(), db.session.scalar(failed) or 0, db.session.scalar(oldest))
    release_connection()
    return outbox


def count_waiting() -> int:
    """Return how many dispatches wait to be sent."""
    return (
        db.session.scalar(select(func.count()).where(Dispatch.state == DispatchState.PENDING)) or 0
    )


def redeliver(user_id: int, dispatch_id: int, *, now: datetime) -> None:
    """Send once more what was sent or has failed. Raises NotFound, also for another user's."""
    with write_transaction() as session:
        query = (
            select(Dispatch)
            .join(Notification, Notification.id == Dispatch.notification_id)
            .where(Dispatch.id == dispatch_id, Notification.user_id == user_id)
        )
        row = session.scalar(query.with_for_update(of=Dispatch))
        if row is None:
            raise NotFound("There is no such notification.")
        if row.state not in (DispatchState.SENT, DispatchState.FAILED):
            raise Conflict("It is on its way already.")
        row.state, row.next_at, row.round = DispatchState.PENDING, now, row.round + 1
        row.attempts, row.first_at = 0, None


def delete_old_notifications(before: datetime) -> int:
    """Delete notifications from before an instant of which nothing waits; return how many.

    Of what is told once a link the key stays for as long as the link, and nothing else: without
    it the same would be told again.
    """
    told = exists().where(Dispatch.notification_id == Notification.id)
    waiting = told.where(Dispatch.state.in_([DispatchState.HELD, DispatchState.PENDING]))
    is_remembered = and_(
        Notification.kind.in_(_ONCE_A_LINK), exists().where(Link.id == Notification.link_id)
    )
    old = and_(Notification.at < before, ~waiting, or_(~is_remembered, told))
    count = 0
    for page in pages_until_gone(select(Notification.id).where(old)):
        with unhurried_transaction() as session:
            # Asked again while they are held: somebody may want one once more.
            theirs = select(Dispatch.id).where(Dispatch.notification_id.in_(page))
            session.execute(theirs.order_by(Dispatch.id).with_for_update())
            due = session.scalars(
                select(Notification.id).where(Notification.id.in_(page), old)
            ).all()
            for statement in (
                delete(Notification).where(Notification.id.in_(due), ~is_remembered),
                delete(Dispatch).where(Dispatch.notification_id.in_(due)),
                update(Notification).where(Notification.id.in_(due)).values(payload={}),
            ):
                session.execute(statement.execution_options(synchronize_session=False))
        count += len(due)
    return count
