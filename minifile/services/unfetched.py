"""Telling owners of links that expire soon and that nobody has downloaded."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Row, and_, exists, or_, select
from sqlalchemy.orm import aliased

from minifile.extensions import db, release_connection
from minifile.models import Link, Notification, Subscription, User
from minifile.notification_values import NotificationKind
from minifile.services.notifications import notify
from minifile.services.pacing import ROWS, unhurried_transaction
from minifile.services.records import read_made_link
from minifile.services.statements import driver_of
from minifile.services.told_files import told_files
from minifile.values import LinkState

# A month; longer ahead nobody is told.
MAX_HOURS = 720

_Row = Row[int, datetime, datetime, int]


def tell_of_unfetched(*, now: datetime) -> int:
    """Write a notification for each link that its owner wants to be told of; return how many.

    Each is told of once for each expiry, whoever runs this and however often: of a link that is
    kept longer the owner may hear again. Of a link that lives so short that it would be told of as
    it is made, the owner hears when half its time is over.
    """
    told, last_id = 0, 0
    while page := _candidates(last_id, now):
        last_id = page[-1].id
        due = {_key(row.id, row.expires_at): row for row in page if _is_due(row, now)}
        for key in due.keys() - _known(list(due)):
            told += _tell(due[key].id, due[key].expires_at, key, now)
    return told


def _key(link_id: int, expires_at: datetime) -> str:
    return f"{NotificationKind.UNFETCHED}:{link_id}:{expires_at:%Y%m%dT%H%M%S.%f}"


def _is_due(row: _Row, now: datetime) -> bool:
    left = min(timedelta(hours=row.unfetched_hours), (row.expires_at - row.created_at) / 2)
    return bool(row.expires_at - left <= now)


def _known(keys: Sequence[str]) -> set[str]:
    """Return which of these were told of."""
    known = set(db.session.scalars(select(Notification.key).where(Notification.key.in_(keys))))
    release_connection()
    return known


def _candidates(after_id: int, now: datetime) -> Sequence[_Row]:
    """Return a page of links that may be due, in the order of their ids."""
    query = (
        select(Link.id, Link.created_at, Link.expires_at, User.unfetched_hours)
        .join(User, User.id == Link.owner_id)
        .where(
            Link.id > after_id,
            Link.expires_at <= now + timedelta(hours=MAX_HOURS),
            _is_unfetched(now),
            exists().where(
                Subscription.user_id == Link.owner_id,
                Subscription.kind == NotificationKind.UNFETCHED,
                or_(Subscription.link_id.is_(None), Subscription.link_id == Link.id),
            ),
        )
        .order_by(Link.id)
        .limit(ROWS)
    )
    rows = db.session.execute(query).all()
    release_connection()
    return rows


def _is_unfetched(now: datetime) -> ColumnElement[bool]:
    """Say of a link whether it is open and neither it nor a child link was ever downloaded."""
    child = aliased(Link)
    return and_(
        Link.expires_at > now,
        Link.state == LinkState.OPEN,
        Link.parent_id.is_(None),
        Link.download_count == 0,
        ~exists().where(child.parent_id == Link.id, child.download_count > 0),
    )


def _tell(link_id: int, expires_at: datetime, key: str, now: datetime) -> int:
    """Write the notification of one link, unless something has changed a moment ago."""
    with unhurried_transaction(durable=True) as session:
        query = select(Link.id).where(
            Link.id == link_id, Link.expires_at == expires_at, _is_unfetched(now)
        )
        is_so = session.scalar(query.with_for_update(of=Link)) is not None
        link = read_made_link(driver_of(session), link_id) if is_so else None
        if link is None or link.owner_id is None:
            return 0
        notify(
            driver_of(session),
            kind=NotificationKind.UNFETCHED,
            key=key,
            user_id=link.owner_id,
            link_id=link_id,
            payload={**told_files(link.files), "expires_at": expires_at.isoformat()},
            now=now,
        )
    return 1
