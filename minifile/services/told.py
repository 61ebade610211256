"""What is to be mailed of a notification: to whom, about what, and which choice it came of."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from minifile.extensions import db, release_connection
from minifile.identity import UserRole
from minifile.models import Link, Notification, Subscription, User
from minifile.notification_values import NotificationKind


@dataclass(frozen=True, slots=True)
class ToldRecord:
    """A notification, as a mail tells it."""

    user_id: int
    email: str | None
    """None also where the user is disabled, or no admin any more and it is about reports alone."""
    kind: str
    at: datetime
    payload: Mapping[str, Any]
    code: str | None
    """The code of the link, if it is there and the user's own."""
    chosen_link_id: int | None
    """The link for which alone the mails of this kind were chosen; None: for all."""


def read_told(notification_id: int) -> ToldRecord | None:
    """Return what a notification tells; None where it is gone, with its user say."""
    query = (
        select(Notification, User.email, User.disabled_at, User.role, Link.code)
        .join(User, User.id == Notification.user_id)
        .outerjoin(Link, (Link.id == Notification.link_id) & (Link.owner_id == User.id))
        .where(Notification.id == notification_id)
    )
    found = db.session.execute(query).first()
    if found is None:
        return None
    row, email, disabled_at, role, code = found
    payload = row.payload
    if row.kind == NotificationKind.DIGEST:
        events = [event for event in payload["events"] if may_know(event["kind"], role)]
        payload = {"events": events}
    is_for_them = disabled_at is None and may_know(row.kind, role) and payload != {"events": []}
    record = ToldRecord(
        user_id=row.user_id,
        email=email if is_for_them else None,
        kind=row.kind,
        at=row.at,
        payload=payload,
        code=code,
        chosen_link_id=_chosen_link(row),
    )
    release_connection()
    return record


def may_know(kind: str, role: str) -> bool:
    """Say whether one of this role is to hear of it: what it was told for may have ended since."""
    return kind != NotificationKind.REPORT or role == UserRole.ADMIN


def codes_of(user_id: int, link_ids: list[int]) -> dict[int, str]:
    """Return the codes of those links that are still there and the user's own."""
    query = select(Link.id, Link.code).where(Link.id.in_(link_ids), Link.owner_id == user_id)
    found = {row[0]: row[1] for row in db.session.execute(query)}
    release_connection()
    return found


def _chosen_link(row: Notification) -> int | None:
    if row.link_id is None:
        return None
    query = select(Subscription.id).where(
        Subscription.user_id == row.user_id,
        Subscription.link_id == row.link_id,
        Subscription.kind == row.kind,
        Subscription.webhook_id.is_(None),
    )
    return None if db.session.scalar(query.limit(1)) is None else row.link_id
