"""Details: the single deliveries of a link, for its sender's table and for exports.

They are there until ANALYTICS_RETENTION is over; what they add up to stays. It only reads.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, select

from minifile.extensions import db, release_connection
from minifile.models import Delivery, File, Link, Slot, User
from minifile.services.facts import IS_BEGUN
from minifile.values import DeliveryState, Origin

# What an export reads at once; finding a page costs as much as it holds.
_AT_ONCE = 2000
_DETAILS = (
    select(
        *(Delivery.id, Delivery.slot_id, Delivery.started_at, Delivery.completed_at),
        *(Delivery.in_flight, Delivery.in_flight_until, Delivery.handed_over_at),
        *(File.filename, File.size_bytes),
        *(Delivery.bytes_arrived, Delivery.bytes_sent, Delivery.resumes),
        func.coalesce(Link.recipient, User.name).label("who"),
        *(Slot.family, Slot.system, Slot.country, Slot.referrer, Slot.address),
    )
    .join(File, File.id == Delivery.file_id)
    .join(Slot, Slot.id == Delivery.slot_id)
    .join(Link, Link.id == Slot.link_id)
    .outerjoin(User, User.id == Slot.user_id)
    .order_by(Delivery.id.desc())
)


@dataclass(frozen=True, slots=True)
class DeliveryDetail:
    """One file on its way to one client, or arrived, and what is kept of who that was.

    `id` leads to the next page. `who` is the recipient or the user that the sender has let in.
    `origin.address` is there only where the admin keeps addresses.
    """

    id: int
    download_id: int
    """Which download it is a part of."""
    started_at: datetime
    completed_at: datetime | None
    state: DeliveryState
    filename: str
    size_bytes: int
    bytes_arrived: int
    bytes_sent: int
    resumes: int
    who: str | None
    origin: Origin


def list_deliveries(
    link_id: int,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    file_id: int | None = None,
    before_id: int | None = None,
    limit: int,
    now: datetime,
) -> list[DeliveryDetail]:
    """Return deliveries of a link and its child links that began in this time, the newest first.

    They are those of its files, which are their child links' too.

    `file_id` leaves out all other files; `before_id` is the id of the last one on the page before.
    """
    wanted = select(Delivery.id).where(_is_of(link_id, file_id), IS_BEGUN)
    if since is not None:
        wanted = wanted.where(Delivery.started_at >= since)
    if until is not None:
        wanted = wanted.where(Delivery.started_at < until)
    if before_id is not None:
        wanted = wanted.where(Delivery.id < before_id)
    wanted = wanted.order_by(Delivery.id.desc()).limit(limit)
    # Who they were is looked up for these alone, not for all of which they are the newest.
    rows = db.session.execute(_DETAILS.where(Delivery.id.in_(wanted))).all()
    release_connection()
    return [_detail(row, now) for row in rows]


def iterate_deliveries(
    link_id: int,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    file_id: int | None = None,
    now: datetime,
) -> Iterator[DeliveryDetail]:
    """Yield all of them, the newest first; some are in memory, and no connection is held."""
    before_id: int | None = None
    while page := list_deliveries(
        link_id, since=since, until=until, file_id=file_id, before_id=before_id,
        limit=_AT_ONCE, now=now,
    ):  # fmt: skip
        yield from page
        before_id = page[-1].id


def _is_of(link_id: int, file_id: int | None) -> ColumnElement[bool]:
    """Ask of deliveries whether they are of a link's files, or of one of them."""
    files = select(File.id).where(File.link_id == link_id)
    if file_id is not None:
        files = files.where(File.id == file_id)
    one, *more = [*db.session.scalars(files.limit(2)), 0]
    # Of one file the index has them in order.
    return Delivery.file_id.in_(files) if len(more) > 1 else Delivery.file_id == one


def _detail(row: Any, now: datetime) -> DeliveryDetail:
    return DeliveryDetail(
        id=row.id,
        download_id=row.slot_id,
        started_at=row.started_at,
        completed_at=row.completed_at,
        state=_state(row, now),
        filename=row.filename,
        size_bytes=row.size_bytes,
        bytes_arrived=row.bytes_arrived,
        bytes_sent=row.bytes_sent,
        resumes=row.resumes,
        who=row.who,
        origin=Origin(row.family, row.system, row.country, row.referrer, row.address),
    )


def _state(row: Any, now: datetime) -> DeliveryState:
    """Return what became of a delivery, as it is counted."""
    if row.completed_at is not None:
        return DeliveryState.COMPLETED
    if row.in_flight and row.in_flight_until is not None and row.in_flight_until > now:
        return DeliveryState.FETCHING
    return DeliveryState.ABORTED if row.handed_over_at is None else DeliveryState.HANDED_OVER
