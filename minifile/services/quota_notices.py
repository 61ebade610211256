"""Telling users that their quota is nearly used up: once, until there is room again."""

from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy import exists, select, update

from minifile.errors import Forbidden, NotFound
from minifile.extensions import db, release_connection
from minifile.models import Subscription, User
from minifile.notification_values import NotificationKind
from minifile.services.notifications import notify
from minifile.services.pacing import ROWS, unhurried_transaction
from minifile.services.quotas import hold, use_of
from minifile.services.statements import driver_of
from minifile.values import Limits

_TOLD_AT_PERCENT = 90
_AGAIN_BELOW_PERCENT = 80


def tell_of_quotas(*, limits_for: Callable[[int], Limits], now: datetime) -> int:
    """Tell each user who wants it and uses 90 % of their quota; return how many were told.

    Who was told is told again only after less than 80 % were used in between.
    """
    told, last_id = 0, 0
    while page := _asking(last_id):
        last_id = page[-1]
        for user_id in page:
            try:
                quota = limits_for(user_id).quota
            except (Forbidden, NotFound):
                # Disabled or deleted a moment ago.
                continue
            told += _look(user_id, quota, now)
    return told


def _asking(after_id: int) -> Sequence[int]:
    """Return a page of users who want to be told."""
    wants = exists().where(
        Subscription.user_id == User.id, Subscription.kind == NotificationKind.QUOTA
    )
    query = select(User.id).where(User.id > after_id, wants, User.disabled_at.is_(None))
    found = db.session.scalars(query.order_by(User.id).limit(ROWS)).all()
    release_connection()
    return found


def _look(user_id: int, quota: int | None, now: datetime) -> int:
    used = use_of(user_id, now).size_bytes
    is_told = db.session.scalar(select(User.quota_told_at).where(User.id == user_id)) is not None
    release_connection()
    if not quota or used * 100 < quota * _AGAIN_BELOW_PERCENT:
        return _forget(user_id) if is_told else 0
    if is_told or used * 100 < quota * _TOLD_AT_PERCENT:
        return 0
    return _tell(user_id, used, quota, now)


def _forget(user_id: int) -> int:
    with unhurried_transaction() as session:
        session.execute(update(User).where(User.id == user_id).values(quota_told_at=None))
    return 0


def _tell(user_id: int, used: int, quota: int, now: datetime) -> int:
    with unhurried_transaction(durable=True) as session:
        hold(driver_of(session), user_id)
        taken = session.execute(
            update(User)
            .where(User.id == user_id, User.quota_told_at.is_(None))
            .values(quota_told_at=now)
            .returning(User.id)
        )
        if taken.first() is None:
            return 0
        notify(
            driver_of(session),
            kind=NotificationKind.QUOTA,
            key=f"{NotificationKind.QUOTA}:{user_id}:{now:%Y%m%dT%H%M%S.%f}",
            user_id=user_id,
            link_id=None,
            payload={"used_bytes": used, "quota_bytes": quota},
            now=now,
        )
    return 1
