"""STUB until C lands."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from minifile.models import Dispatch, Notification, Subscription, User
from minifile.services.statements import Driver, Statement, given

_DIGEST = Statement(select(User.digest).where(User.id == bindparam("user_id")))
_SUBS = Statement(
    select(Subscription.link_id, Subscription.webhook_id).where(
        Subscription.user_id == bindparam("user_id"), Subscription.kind == bindparam("kind")
    )
)


def _n(i: Any) -> Statement:
    return Statement(
        i(Notification)
        .values(**given("key", "kind", "user_id", "link_id", "payload", "at"))
        .on_conflict_do_nothing()
        .returning(Notification.id)
    )


_N = {"sqlite": _n(sqlite.insert), "postgresql": _n(postgresql.insert)}
_D = Statement(
    insert(Dispatch).values(
        **given("notification_id", "webhook_id", "state", "next_at"), attempts=0
    )
)


def notify(
    driver: Driver,
    *,
    kind: str,
    key: str,
    user_id: int,
    link_id: int | None,
    payload: Mapping[str, Any],
    now: datetime,
) -> None:
    """Stub."""
    targets = {
        w for lid, w in _SUBS.run(driver, user_id=user_id, kind=kind) if lid in (None, link_id)
    }
    if not targets:
        return
    rows = _N[driver.dialect.name].run(
        driver, key=key, kind=kind, user_id=user_id, link_id=link_id, payload=payload, at=now
    )
    if not rows:
        return
    nid = rows[0][0]
    for w in targets:
        is_held = w is None and _DIGEST.run(driver, user_id=user_id)[0][0] == "daily"
        state = "held" if is_held else "pending"
        _D.run(driver, notification_id=nid, webhook_id=w, state=state, next_at=now)
