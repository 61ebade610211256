"""Writing down what happened, for whoever wants to hear of it, in the transaction it happens in.

A row says what happened, and one more for each way in which it is to be told. Without anybody who
wants to hear of it nothing is written.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, insert, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from minifile.models import Dispatch, Notification, Subscription, User, Webhook
from minifile.notification_values import DispatchState, NotificationKind
from minifile.services.statements import Driver, Statement, given

MAIL_DAILY = "daily"

_WAYS = Statement(
    select(Subscription.webhook_id, User.digest)
    .join(User, User.id == Subscription.user_id)
    .outerjoin(Webhook, Webhook.id == Subscription.webhook_id)
    .where(
        Subscription.user_id == bindparam("user_id"),
        Subscription.kind == bindparam("kind"),
        or_(Subscription.link_id.is_(None), Subscription.link_id == bindparam("link_id")),
        Webhook.disabled_at.is_(None),
        User.disabled_at.is_(None),
    )
    .distinct()
)
_INSERT_DISPATCH = Statement(
    insert(Dispatch).values(
        **given("notification_id", "webhook_id", "target", "line", "state", "next_at")
    )
)


def notify(
    driver: Driver,
    *,
    kind: NotificationKind,
    key: str,
    user_id: int,
    link_id: int | None,
    payload: Mapping[str, Any],
    now: datetime,
    due_at: datetime | None = None,
) -> bool:
    """Write down that something happened to a user's link, within the caller's transaction.

    It leaves at `due_at`, or at once. What has the key of something that was written is that, and
    stays once. Returns whether anything was written. The payload must hold no secret and no
    address of a visitor.
    """
    ways = _WAYS.run(driver, user_id=user_id, kind=kind, link_id=link_id)
    if not ways:
        return False
    rows = _INSERT[driver.dialect.name].run(
        driver,
        key=key,
        kind=kind,
        user_id=user_id,
        link_id=link_id,
        payload=payload,
        at=now,
    )
    if not rows:
        return False
    for webhook_id, digest in ways:
        is_held = webhook_id is None and digest == MAIL_DAILY
        _INSERT_DISPATCH.run(
            driver,
            notification_id=rows[0][0],
            webhook_id=webhook_id,
            target=target_of(user_id, webhook_id),
            line=link_id or 0,
            state=DispatchState.HELD if is_held else DispatchState.PENDING,
            next_at=due_at or now,
        )
    return True


def target_of(user_id: int, webhook_id: int | None) -> str:
    """Return what names a target: a user's mailbox or a webhook."""
    return f"mail:{user_id}" if webhook_id is None else f"webhook:{webhook_id}"


def _insert(row: Any) -> Statement:
    return Statement(
        row.values(**given("key", "kind", "user_id", "link_id", "payload", "at"))
        .on_conflict_do_nothing(index_elements=["key"])
        .returning(Notification.id)
    )


_INSERT = {
    "sqlite": _insert(sqlite.insert(Notification)),
    "postgresql": _insert(postgresql.insert(Notification)),
}
