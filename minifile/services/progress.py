"""Progress: what a link's sender sees of its deliveries, file by file. It only reads."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, func, literal, or_, select

from minifile.extensions import db
from minifile.models import Delivery, Link, Slot, User
from minifile.services.statements import Statement, reading
from minifile.values import DeliveryState, FileRecord, LinkRecord

# What is looked at, the newest first; a link may have a million of both.
MAX_SLOTS = 100
MAX_DELIVERIES = 50

# Of the link itself and of its child links.
_family = select(Link.id).where(
    or_(Link.id == bindparam("link_id"), Link.parent_id == bindparam("link_id"))
)
_newest = (
    select(Slot.id, Slot.link_id, Slot.user_id)
    .where(Slot.link_id.in_(_family))
    .order_by(Slot.id.desc())
    .limit(literal(MAX_SLOTS))
    .subquery()
)
_DELIVERIES = Statement(
    select(
        Delivery.file_id,
        Delivery.started_at,
        Delivery.completed_at,
        Delivery.handed_over_at,
        Delivery.bytes_sent,
        Delivery.in_flight,
        Delivery.in_flight_until,
        func.coalesce(Link.recipient, User.name),
    )
    .join(_newest, Delivery.slot_id == _newest.c.id)
    .join(Link, Link.id == _newest.c.link_id)
    .outerjoin(User, User.id == _newest.c.user_id)
    .order_by(Delivery.id.desc())
    .limit(literal(MAX_DELIVERIES))
)
_FETCHING = Statement(
    select(func.count(Delivery.slot_id.distinct()))
    .join(_newest, Delivery.slot_id == _newest.c.id)
    .where(Delivery.in_flight > 0, Delivery.in_flight_until > bindparam("now"))
)


@dataclass(frozen=True, slots=True)
class SeenDelivery:
    """One file on its way to one client, or arrived.

    `who` is the recipient or the user that the sender has let in; of others nothing is said.
    """

    file: FileRecord
    state: DeliveryState
    started_at: datetime
    completed_at: datetime | None
    bytes_sent: int
    """What responses that are over have sent; those that are handed over are not in it."""
    who: str | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """The newest deliveries of a link and its children, and how many clients fetch now."""

    fetching: int
    deliveries: Sequence[SeenDelivery]


def read_progress(link: LinkRecord, *, now: datetime) -> Progress:
    """Return what the newest MAX_SLOTS downloads have come to; at most MAX_DELIVERIES files."""
    files = {file.id: file for file in link.files}
    with reading(db.engine) as driver:
        fetching = _FETCHING.run(driver, link_id=link.id, now=now)[0][0]
        rows = _DELIVERIES.run(driver, link_id=link.id)
    # A file that was added or removed since the link was read is left out.
    seen = [_seen(files[row[0]], *row[1:], now=now) for row in rows if row[0] in files]
    return Progress(fetching, seen)


def _seen(
    file: FileRecord,
    started_at: datetime,
    completed_at: datetime | None,
    handed_over_at: datetime | None,
    bytes_sent: int,
    in_flight: int,
    in_flight_until: datetime | None,
    who: str | None,
    *,
    now: datetime,
) -> SeenDelivery:
    # A mark that has run out: its process died, or the client takes nothing any more.
    if in_flight and in_flight_until is not None and in_flight_until > now:
        state = DeliveryState.FETCHING
    elif completed_at is not None:
        state = DeliveryState.COMPLETED
    elif handed_over_at is not None:
        state = DeliveryState.HANDED_OVER
    else:
        state = DeliveryState.ABORTED
    return SeenDelivery(file, state, started_at, completed_at, bytes_sent, who)
