"""What was sent to somebody, and what became of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from minifile.extensions import db, release_connection
from minifile.models import Dispatch, Link, Notification, Webhook
from minifile.services.dispatching import FAILED
from minifile.services.notifications import PENDING

PAGE = 50


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
    failed = select(func.count()).where(Dispatch.state == FAILED)
    oldest = (
        select(func.min(Notification.at))
        .join(Dispatch, Dispatch.notification_id == Notification.id)
        .where(Dispatch.state == PENDING)
    )
    outbox = Outbox(count_waiting(), db.session.scalar(failed) or 0, db.session.scalar(oldest))
    release_connection()
    return outbox


def count_waiting() -> int:
    """Return how many dispatches wait to be sent."""
    return db.session.scalar(select(func.count()).where(Dispatch.state == PENDING)) or 0
