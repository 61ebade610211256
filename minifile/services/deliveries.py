"""Deliveries: taking a slot before the first byte, and settling up after the last.

This is the one place where downloads are counted. `begin_delivery` is one short transaction
that holds the link's row: it finds the slot that the client holds, or takes a new one with one
conditional UPDATE, and reserves the bytes of the whole range. `end_delivery` gives back what
was not sent. What a killed process had reserved stays spent.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Select, func, or_, select, update
from sqlalchemy.orm.attributes import set_committed_value

from minifile.errors import LinkExhausted
from minifile.extensions import db, write_transaction
from minifile.models import Delivery, Link, Slot
from minifile.policy.access import check_open
from minifile.policy.counting import MAX_REQUESTS, FileSpan, Start, covers, may_join, merge
from minifile.services.clients import client_hashes, known_client_hashes
from minifile.services.links import lock_link
from minifile.values import LinkState, Span, Visitor

# A response that has not been heard of for so long is taken for dead.
IN_FLIGHT_FOR = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Ticket:
    """A running response: its slot, and the bytes reserved for each delivery in it."""

    link_id: int
    slot_id: int
    parts: Mapping[int, FileSpan]
    """By the id of the delivery."""


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
        slot, received = _held_slot(link, clients, parts, start, now)
        if slot is None:
            slot = _take_slot(link, clients[0] if clients else None, lease, now)
        else:
            slot.requests += 1
        return Ticket(link.id, slot.id, _reserve(slot, parts, received, now))


def end_delivery(ticket: Ticket, sent: Mapping[int, int], *, now: datetime) -> None:
    """Settle a response: `sent` is how many bytes of each file (by id) reached the client.

    A file that `sent` does not name was not reached. A slot of which nothing was sent at all is
    given back.
    """
    with write_transaction(durable=False) as session:
        link = lock_link(ticket.link_id)
        for delivery in session.scalars(_deliveries_of(ticket)):
            _settle(delivery, ticket.parts[delivery.id], sent, now)
        if not any(sent.values()):
            session.flush()
            _give_back_if_unused(link, ticket.slot_id)


def renew_delivery(ticket: Ticket, *, now: datetime) -> None:
    """Say that a long response is still alive."""
    with write_transaction(durable=False) as session:
        session.execute(
            update(Delivery)
            .where(Delivery.id.in_(ticket.parts))
            .values(in_flight_until=now + IN_FLIGHT_FOR)
        )


def holds_slot(link: Link, visitor: Visitor, *, now: datetime) -> bool:
    """Say whether the visitor has an open slot of the link."""
    clients = known_client_hashes(link.id, visitor, now)
    return db.session.execute(_open_slots(link.id, clients, now)).first() is not None


def check_servable(link: Link, visitor: Visitor, *, now: datetime) -> None:
    """Raise LinkExhausted when no download is left and the visitor holds no slot.

    For answers that take no slot but must agree with those that do: HEAD, 304, 412, 416.
    """
    if link.is_exhausted and not holds_slot(link, visitor, now=now):
        raise LinkExhausted(link.max_downloads or 0)


def _open_slots(link_id: int, clients: Sequence[str], now: datetime) -> Select[Slot]:
    return (
        select(Slot)
        .where(
            Slot.link_id == link_id,
            Slot.client.in_(clients),
            Slot.ended_at.is_(None),
            Slot.ends_at > now,
        )
        .order_by(Slot.id.desc())
    )


def _held_slot(
    link: Link,
    clients: Sequence[str],
    parts: Sequence[FileSpan],
    start: Start,
    now: datetime,
) -> tuple[Slot | None, dict[int, Delivery]]:
    """Return the client's slot that this request fits into, and what it has had of the files.

    A slot with a file still unfinished comes first.
    """
    best: tuple[Slot | None, dict[int, Delivery]] = (None, {})
    if not clients:
        return best
    query = _open_slots(link.id, clients, now).where(Slot.requests < MAX_REQUESTS)
    for slot in db.session.scalars(query.execution_options(populate_existing=True)):
        received = _received(slot.id, parts)
        if may_join(received, parts, start, now):
            if any(had.completed_at is None for had in received.values()):
                return slot, received
            best = best if best[0] else (slot, received)
    return best


def _received(slot_id: int, parts: Sequence[FileSpan]) -> dict[int, Delivery]:
    query = select(Delivery).where(
        Delivery.slot_id == slot_id, Delivery.file_id.in_([part.file_id for part in parts])
    )
    rows = db.session.scalars(query.execution_options(populate_existing=True))
    return {delivery.file_id: delivery for delivery in rows}


def _take_slot(link: Link, client: str | None, lease: timedelta, now: datetime) -> Slot:
    """Take a slot: the check and the count are this one UPDATE."""
    taken = (
        update(Link)
        .where(
            Link.id == link.id,
            Link.state == LinkState.OPEN,
            Link.expires_at > now,
            or_(Link.max_downloads.is_(None), Link.download_count < Link.max_downloads),
        )
        .values(download_count=Link.download_count + 1)
        .execution_options(synchronize_session=False)
    )
    count = db.session.execute(taken.returning(Link.download_count)).scalar_one_or_none()
    if count is None:
        raise LinkExhausted(link.max_downloads or 0)
    set_committed_value(link, "download_count", count)
    ends_at = min(now + lease, link.expires_at)
    slot = Slot(link_id=link.id, client=client, started_at=now, ends_at=ends_at, requests=1)
    db.session.add(slot)
    db.session.flush()
    return slot


def _reserve(
    slot: Slot, parts: Sequence[FileSpan], received: dict[int, Delivery], now: datetime
) -> dict[int, FileSpan]:
    for part in parts:
        delivery = received.get(part.file_id)
        if delivery is None:
            delivery = Delivery(
                slot_id=slot.id, file_id=part.file_id, started_at=now, ranges=[],
                bytes_reserved=0, bytes_sent=0, in_flight=0,
            )  # fmt: skip
            db.session.add(delivery)
            received[part.file_id] = delivery
        elif delivery.in_flight_until is None or delivery.in_flight_until <= now:
            # Whatever was running died without a word.
            delivery.in_flight = 0
        delivery.in_flight += 1
        delivery.in_flight_until = now + IN_FLIGHT_FOR
        delivery.bytes_reserved += part.span.size_bytes
    db.session.flush()
    return {received[part.file_id].id: part for part in parts}


def _deliveries_of(ticket: Ticket) -> Select[Delivery]:
    query = select(Delivery).where(Delivery.id.in_(ticket.parts))
    return query.execution_options(populate_existing=True)


def _settle(delivery: Delivery, part: FileSpan, sent: Mapping[int, int], now: datetime) -> None:
    arrived = sent.get(part.file_id, 0)
    delivery.bytes_reserved -= part.span.size_bytes - arrived
    delivery.bytes_sent += arrived
    delivery.ranges = merge(delivery.ranges, Span(part.span.start, part.span.start + arrived))
    delivery.in_flight = max(0, delivery.in_flight - 1)
    if not delivery.in_flight:
        delivery.in_flight_until = None
    if (
        part.file_id in sent
        and delivery.completed_at is None
        and covers(delivery.ranges, part.size_bytes)
    ):
        delivery.completed_at = now


def _give_back_if_unused(link: Link, slot_id: int) -> None:
    """Undo the count of a slot whose responses are over and sent nothing."""
    used = select(func.count()).where(
        Delivery.slot_id == slot_id,
        or_(
            Delivery.bytes_reserved > 0,
            Delivery.in_flight > 0,
            Delivery.completed_at.is_not(None),
        ),
    )
    if db.session.execute(used).scalar_one():
        return
    slot = db.session.get(Slot, slot_id)
    if slot is not None:
        db.session.delete(slot)
        db.session.execute(
            update(Link)
            .where(Link.id == link.id, Link.download_count > 0)
            .values(download_count=Link.download_count - 1)
            .execution_options(synchronize_session=False)
        )
