"""Settling: what a response has spent and what has arrived, once it is over."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import bindparam, select, update

from minifile.models import Delivery, Slot
from minifile.policy.counting import FileSpan, covers, merge
from minifile.services.commits import Work
from minifile.services.deliveries import Ticket, lock
from minifile.services.download_notices import tell_of_download
from minifile.services.slots import (
    HAD_COLUMNS,
    Had,
    finish_if_complete,
    give_back_if_unused,
)
from minifile.services.statements import Driver, Statement, given
from minifile.values import Span

# Of a slot that has ended nothing changes any more: it is in the tallies.
_DELIVERY = Statement(
    select(*HAD_COLUMNS)
    .join(Slot, Slot.id == Delivery.slot_id)
    .where(
        Delivery.slot_id == bindparam("slot_id"),
        Delivery.file_id == bindparam("file_id"),
        Slot.ended_at.is_(None),
    )
)
_SETTLE = Statement(
    update(Delivery)
    .where(Delivery.id == bindparam("delivery_id"))
    .values(
        **given(
            *("ranges", "bytes_reserved", "bytes_sent", "bytes_arrived"),
            *("in_flight", "in_flight_until", "completed_at"),
        )
    )
)
# Says at once what `_settle_row` would find out, where this response was the only one.
_COMPLETE = Statement(
    update(Delivery)
    .where(
        Delivery.slot_id == bindparam("slot_id"),
        Delivery.file_id == bindparam("file_id"),
        Delivery.in_flight == 1,
        Delivery.bytes_sent == 0,
        Delivery.bytes_reserved == bindparam("size_bytes"),
        Delivery.completed_at.is_(None),
    )
    .values(
        ranges=bindparam("ranges"),
        bytes_sent=bindparam("size_bytes"),
        bytes_arrived=bindparam("size_bytes"),
        in_flight=0,
        in_flight_until=None,
        completed_at=bindparam("now"),
    )
    .returning(Delivery.id)
)


def ending(
    ticket: Ticket, sent: Mapping[int, int], arrived: Mapping[int, int], *, now: datetime
) -> Work[None]:
    """Return the work that settles a response, in bytes by file id; it may run twice.

    What was `sent` stays spent; what is known to have `arrived` is had. A client that keeps the
    bytes and denies to have got them is thereby not served again, and one that was cut is not
    taken for served. A slot of which nothing was sent at all is given back.
    """

    def work(driver: Driver) -> None:
        if not driver.holds_all_rows and not lock(driver, ticket.link_id):
            # Purged meanwhile, with all that was to be settled.
            return
        completed = [_settle(driver, ticket, part, sent, arrived, now) for part in ticket.parts]
        if any(completed):
            finish_if_complete(driver, ticket.link_id, ticket.slot_id, now)
        elif not any(sent.values()):
            give_back_if_unused(driver, ticket.link_id, ticket.slot_id)
        if ticket.hearer is not None:
            tell_of_download(driver, ticket.link_id, ticket.slot_id, ticket.hearer, now)

    return work


def _settle(
    driver: Driver,
    ticket: Ticket,
    part: FileSpan,
    sent: Mapping[int, int],
    arrived: Mapping[int, int],
    now: datetime,
) -> bool:
    """Settle one file; say whether it has been delivered completely by now."""
    spent = min(sent.get(part.file_id, 0), part.span.size_bytes)
    # None: nothing was sent of this file, so nothing can have arrived, not even of an empty one.
    reached = arrived.get(part.file_id)
    is_all = part.is_whole and spent == reached == part.size_bytes
    # Nearly always: sent whole at the first attempt, and nobody else in this delivery.
    if is_all and _complete(driver, ticket, part, now):
        return True
    rows = _DELIVERY.run(driver, slot_id=ticket.slot_id, file_id=part.file_id)
    return bool(rows) and _settle_row(driver, Had(*rows[0]), part, spent, reached, now)


def _complete(driver: Driver, ticket: Ticket, part: FileSpan, now: datetime) -> bool:
    """Settle a whole delivery at once; say whether this response was the only one in it."""
    whole = [[0, part.size_bytes]] if part.size_bytes else []
    ids = {"slot_id": ticket.slot_id, "file_id": part.file_id}
    rows = _COMPLETE.run(driver, **ids, ranges=whole, size_bytes=part.size_bytes, now=now)
    return bool(rows)


def _settle_row(
    driver: Driver, had: Had, part: FileSpan, spent: int, reached: int | None, now: datetime
) -> bool:
    arrived = min(reached or 0, part.span.size_bytes)
    ranges = merge(had.ranges, Span(part.span.start, part.span.start + arrived))
    in_flight = max(0, had.in_flight - 1)
    completed_at = had.completed_at
    if completed_at is None and reached is not None and covers(ranges, part.size_bytes):
        completed_at = now
    _SETTLE.run(
        driver,
        delivery_id=had.id,
        ranges=ranges,
        bytes_reserved=had.bytes_reserved - (part.span.size_bytes - spent),
        bytes_sent=had.bytes_sent + spent,
        bytes_arrived=sum(stop - start for start, stop in ranges),
        in_flight=in_flight,
        in_flight_until=had.in_flight_until if in_flight else None,
        completed_at=completed_at,
    )
    return completed_at is not None
