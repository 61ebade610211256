"""Deliveries: reserving bytes before the first is sent, and settling up after the last.

With `slots` this is the one place where downloads are counted. `begin_delivery` is one short
transaction that holds the link's row: it finds the slot that the client holds, or takes a new
one with one conditional UPDATE, and reserves the bytes of the whole range. `end_delivery` gives
back what was not sent. What a killed process had reserved stays spent.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Select, insert, select, tuple_, update

from minifile.errors import LinkExhausted, LinkNotFound
from minifile.extensions import db, write_transaction
from minifile.models import Delivery, Link, Slot
from minifile.policy.access import check_open
from minifile.policy.counting import FileSpan, Start, covers, merge
from minifile.services.clients import client_hashes
from minifile.services.links import lock_link
from minifile.services.slots import (
    find_held_slot,
    finish_if_complete,
    give_back_if_unused,
    holds_slot,
    take_slot,
)
from minifile.values import Span, Visitor

# A response that has not been heard of for so long is taken for dead.
IN_FLIGHT_FOR = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Ticket:
    """A running response: its slot, and the bytes of each file that are reserved for it."""

    link_id: int
    slot_id: int
    parts: Sequence[FileSpan]


def begin_delivery(
    link: Link,
    visitor: Visitor,
    parts: Sequence[FileSpan],
    *,
    fresh: bool,
    lease: timedelta,
    now: datetime,
) -> Ticket:
    """Count the request if it begins a download, reserve its bytes, and return its ticket.

    `fresh` says that it starts at byte 0. The link is read anew under its lock. Raises
    LinkExhausted when it needs a slot and none is left, LinkExpired or LinkRevoked when the
    link ended since it was looked up.
    """
    with write_transaction(durable=link.max_downloads is not None):
        link = lock_link(link.id)
        check_open(link, now)
        clients = client_hashes(link.id, visitor, now)
        start = Start(fresh=fresh, by_cookie=visitor.browser is not None)
        held = find_held_slot(link, clients, parts, start, now)
        if held is None:
            slot = take_slot(link, clients[0] if clients else None, lease, now)
            _reserve(slot, parts, {}, now)
        else:
            slot, received = held
            slot.requests += 1
            _reserve(slot, parts, received, now)
        return Ticket(link.id, slot.id, parts)


def end_delivery(
    ticket: Ticket, sent: Mapping[int, int], arrived: Mapping[int, int], *, now: datetime
) -> None:
    """Settle a response, in bytes by file id: what was sent, and what is known to have arrived.

    What was sent stays spent; what arrived is had. A client that keeps the bytes and denies to
    have got them is thereby not served again, and one that was cut is not taken for served. A
    slot of which nothing was sent at all is given back.
    """
    with write_transaction(durable=False) as session:
        try:
            link = lock_link(ticket.link_id)
        except LinkNotFound:
            # Purged meanwhile, with all that was to be settled.
            return
        parts = {part.file_id: part for part in ticket.parts}
        completed = [
            _settle(delivery, parts[delivery.file_id], sent, arrived, now)
            for delivery in session.scalars(_deliveries_of(ticket))
        ]
        session.flush()
        if any(completed):
            finish_if_complete(link, ticket.slot_id, now)
        elif not any(sent.values()):
            give_back_if_unused(link.id, ticket.slot_id)


def renew_deliveries(tickets: Iterable[Ticket], *, now: datetime) -> None:
    """Say that long responses are still alive."""
    marks = [(ticket.slot_id, part.file_id) for ticket in tickets for part in ticket.parts]
    with write_transaction(durable=False) as session:
        for first in range(0, len(marks), 500):
            session.execute(
                update(Delivery)
                .where(
                    tuple_(Delivery.slot_id, Delivery.file_id).in_(marks[first : first + 500]),
                    Delivery.in_flight > 0,
                )
                .values(in_flight_until=now + IN_FLIGHT_FOR)
                .execution_options(synchronize_session=False)
            )


def check_servable(link: Link, visitor: Visitor, *, now: datetime) -> None:
    """Raise LinkExhausted when no download is left and the visitor holds no slot.

    For answers that take no slot but must agree with those that do: HEAD, 304, 412, 416.
    """
    if link.is_exhausted and not holds_slot(link, visitor, now=now):
        raise LinkExhausted(link.max_downloads or 0)


def _reserve(
    slot: Slot, parts: Sequence[FileSpan], received: Mapping[int, Delivery], now: datetime
) -> None:
    """Reserve the bytes of each part, in the client's deliveries or in new ones."""
    with_row = [part for part in parts if part.file_id in received]
    for part in with_row:
        _reserve_more(received[part.file_id], part, now)
    new = [_new_delivery(slot, part, now) for part in parts if part.file_id not in received]
    if new:
        db.session.execute(insert(Delivery), new)


def _reserve_more(delivery: Delivery, part: FileSpan, now: datetime) -> None:
    if delivery.in_flight_until is None or delivery.in_flight_until <= now:
        # Whatever was running died without a word.
        delivery.in_flight = 0
    delivery.in_flight += 1
    delivery.in_flight_until = now + IN_FLIGHT_FOR
    delivery.bytes_reserved += part.span.size_bytes
    delivery.has_start = delivery.has_start or part.span.start == 0


def _new_delivery(slot: Slot, part: FileSpan, now: datetime) -> dict[str, object]:
    return {
        "slot_id": slot.id,
        "file_id": part.file_id,
        "started_at": now,
        "ranges": [],
        "bytes_reserved": part.span.size_bytes,
        "bytes_sent": 0,
        "has_start": part.span.start == 0,
        "in_flight": 1,
        "in_flight_until": now + IN_FLIGHT_FOR,
    }


def _deliveries_of(ticket: Ticket) -> Select[Delivery]:
    query = select(Delivery).where(
        Delivery.slot_id == ticket.slot_id,
        Delivery.file_id.in_([part.file_id for part in ticket.parts]),
    )
    return query.execution_options(populate_existing=True)


def _settle(
    delivery: Delivery,
    part: FileSpan,
    sent: Mapping[int, int],
    arrived: Mapping[int, int],
    now: datetime,
) -> bool:
    """Settle one file; say whether it has been delivered completely by now."""
    spent = min(sent.get(part.file_id, 0), part.span.size_bytes)
    had = min(arrived.get(part.file_id, 0), part.span.size_bytes)
    delivery.bytes_reserved -= part.span.size_bytes - spent
    delivery.bytes_sent += spent
    delivery.ranges = merge(delivery.ranges, Span(part.span.start, part.span.start + had))
    delivery.in_flight = max(0, delivery.in_flight - 1)
    if not delivery.in_flight:
        delivery.in_flight_until = None
    was_reached = part.file_id in arrived
    if delivery.completed_at is None and was_reached and covers(delivery.ranges, part.size_bytes):
        delivery.completed_at = now
    return delivery.completed_at is not None
