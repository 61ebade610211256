"""Deliveries: reserving bytes before the first is sent, and settling up after the last.

With `slots` this is the one place where downloads are counted. `begin_delivery` is one short
transaction that holds the link's row: it finds the slot that the client holds, or takes a new
one with one conditional UPDATE, and reserves the bytes of the whole range. `end_delivery` gives
back what was not sent. What a killed process had reserved stays spent.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, insert, select, tuple_, update

from minifile.errors import LinkExhausted, LinkNotFound
from minifile.extensions import write_transaction
from minifile.models import Delivery, Link, Slot
from minifile.policy.access import check_open
from minifile.policy.counting import FileSpan, Start, covers, merge
from minifile.services.clients import client_hashes
from minifile.services.commits import Work, commit
from minifile.services.slots import (
    HAD_COLUMNS,
    Had,
    HeldSlot,
    downloads_left,
    find_held_slot,
    finish_if_complete,
    give_back_if_unused,
    holds_slot,
    take_slot,
)
from minifile.services.statements import Driver, Statement
from minifile.values import LinkRecord, Span, Visitor

# A response that has not been heard of for so long is taken for dead.
IN_FLIGHT_FOR = timedelta(seconds=60)

# Holds the row on PostgreSQL; on SQLite the transaction holds them all.
_LOCK_LINK = Statement(
    select(Link.state, Link.expires_at, Link.max_downloads, Link.download_count)
    .where(Link.id == bindparam("link_id"))
    .with_for_update()
)
_COUNT_REQUEST = Statement(
    update(Slot).where(Slot.id == bindparam("slot_id")).values(requests=Slot.requests + 1)
)
_RESERVE = Statement(
    insert(Delivery).values(
        slot_id=bindparam("slot_id"),
        file_id=bindparam("file_id"),
        started_at=bindparam("now"),
        ranges=[],
        bytes_reserved=bindparam("bytes_reserved"),
        bytes_sent=0,
        has_start=bindparam("has_start"),
        in_flight=1,
        in_flight_until=bindparam("in_flight_until"),
    )
)
_RESERVE_MORE = Statement(
    update(Delivery)
    .where(Delivery.id == bindparam("delivery_id"))
    .values(
        bytes_reserved=bindparam("bytes_reserved"),
        has_start=bindparam("has_start"),
        in_flight=bindparam("in_flight"),
        in_flight_until=bindparam("in_flight_until"),
    )
)
_DELIVERY = Statement(
    select(*HAD_COLUMNS).where(
        Delivery.slot_id == bindparam("slot_id"), Delivery.file_id == bindparam("file_id")
    )
)
_SETTLE = Statement(
    update(Delivery)
    .where(Delivery.id == bindparam("delivery_id"))
    .values(
        ranges=bindparam("ranges"),
        bytes_reserved=bindparam("bytes_reserved"),
        bytes_sent=bindparam("bytes_sent"),
        in_flight=bindparam("in_flight"),
        in_flight_until=bindparam("in_flight_until"),
        completed_at=bindparam("completed_at"),
    )
)
# Says at once what `_settle` would find out, where this response was the only one.
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
        in_flight=0,
        in_flight_until=None,
        completed_at=bindparam("now"),
    )
    .returning(Delivery.id)
)


@dataclass(frozen=True, slots=True)
class Ticket:
    """A running response: its slot, and the bytes of each file that are reserved for it."""

    link_id: int
    slot_id: int
    parts: Sequence[FileSpan]
    downloads_left: int | None = None
    """How many downloads the link had left once this one was counted; None without a limit."""


@dataclass(frozen=True, slots=True)
class _Locked:
    """What may have changed since a link was looked up; read anew under its lock."""

    state: str
    expires_at: datetime
    max_downloads: int | None
    download_count: int


def begin_delivery(
    link: LinkRecord,
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
    work = beginning(link, visitor, parts, fresh=fresh, lease=lease, now=now)
    return commit(work, durable=is_durable(link))


def is_durable(link: LinkRecord) -> bool:
    """Say whether a power cut may not take a count of this link back: where there is a limit."""
    return link.max_downloads is not None


def beginning(
    link: LinkRecord,
    visitor: Visitor,
    parts: Sequence[FileSpan],
    *,
    fresh: bool,
    lease: timedelta,
    now: datetime,
) -> Work[Ticket]:
    """Return the work of `begin_delivery`, to be committed with others."""
    clients = client_hashes(link.id, visitor, now)
    start = Start(fresh=fresh, by_cookie=visitor.browser is not None)

    def work(driver: Driver) -> Ticket:
        if not driver.holds_all_rows:
            _lock_open(driver, link.id, now)
        held = find_held_slot(driver, link.id, clients, parts, start, now)
        client = clients[0] if clients else None
        taken = None if held else take_slot(driver, link.id, client, lease, now)
        if taken is not None:
            slot_id, left = taken
            held = HeldSlot(slot_id)
        else:
            # What was found may have to be refused, and what was refused needs its reason.
            locked = _lock_open(driver, link.id, now)
            left = downloads_left(locked.max_downloads, locked.download_count)
            if held is None:
                raise LinkExhausted(locked.max_downloads or 0)
            _COUNT_REQUEST.run(driver, slot_id=held.id)
        for part in parts:
            _reserve(driver, held, part, now)
        return Ticket(link.id, held.id, parts, left)

    return work


def end_delivery(
    ticket: Ticket, sent: Mapping[int, int], arrived: Mapping[int, int], *, now: datetime
) -> None:
    """Settle a response, in bytes by file id: what was sent, and what is known to have arrived.

    What was sent stays spent; what arrived is had. A client that keeps the bytes and denies to
    have got them is thereby not served again, and one that was cut is not taken for served. A
    slot of which nothing was sent at all is given back.
    """
    commit(ending(ticket, sent, arrived, now=now), durable=False)


def ending(
    ticket: Ticket, sent: Mapping[int, int], arrived: Mapping[int, int], *, now: datetime
) -> Work[None]:
    """Return the work of `end_delivery`, to be committed with others."""

    def work(driver: Driver) -> None:
        if not driver.holds_all_rows and not _lock(driver, ticket.link_id):
            # Purged meanwhile, with all that was to be settled.
            return
        completed = [_settle(driver, ticket, part, sent, arrived, now) for part in ticket.parts]
        if any(completed):
            finish_if_complete(driver, ticket.link_id, ticket.slot_id, now)
        elif not any(sent.values()):
            give_back_if_unused(driver, ticket.link_id, ticket.slot_id)

    return work


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


def check_servable(link: LinkRecord, visitor: Visitor, *, now: datetime) -> None:
    """Raise LinkExhausted when no download is left and the visitor holds no slot.

    For answers that take no slot but must agree with those that do: HEAD, 304, 412, 416.
    """
    if link.is_exhausted and not holds_slot(link, visitor, now=now):
        raise LinkExhausted(link.max_downloads or 0)


def _lock(driver: Driver, link_id: int) -> _Locked | None:
    """Hold the link's row until the transaction ends; None when there is none any more."""
    rows = _LOCK_LINK.run(driver, link_id=link_id)
    return _Locked(*rows[0]) if rows else None


def _lock_open(driver: Driver, link_id: int, now: datetime) -> _Locked:
    """Hold the row of a link that is open. Raises LinkNotFound, LinkExpired or LinkRevoked."""
    locked = _lock(driver, link_id)
    if locked is None:
        raise LinkNotFound
    check_open(locked, now)
    return locked


def _reserve(driver: Driver, slot: HeldSlot, part: FileSpan, now: datetime) -> None:
    """Reserve the bytes of one part, in the client's delivery or in a new one."""
    had = slot.received.get(part.file_id)
    reserved: dict[str, Any] = {
        "bytes_reserved": part.span.size_bytes,
        "has_start": part.span.start == 0,
        "in_flight_until": now + IN_FLIGHT_FOR,
    }
    if had is None:
        _RESERVE.run(driver, slot_id=slot.id, file_id=part.file_id, now=now, **reserved)
        return
    # A mark that has run out: whatever was running died without a word.
    is_alive = had.in_flight_until is not None and had.in_flight_until > now
    reserved["bytes_reserved"] += had.bytes_reserved
    reserved["has_start"] |= had.has_start
    in_flight = (had.in_flight if is_alive else 0) + 1
    _RESERVE_MORE.run(driver, delivery_id=had.id, in_flight=in_flight, **reserved)


def _settle(
    driver: Driver,
    ticket: Ticket,
    part: FileSpan,
    sent: Mapping[int, int],
    arrived: Mapping[int, int],
    now: datetime,
) -> bool:
    """Settle one file; say whether it has been delivered completely by now."""
    size_bytes = part.size_bytes
    if part.is_whole and sent.get(part.file_id) == arrived.get(part.file_id) == size_bytes:
        # Nearly always: sent whole at the first attempt, and nobody else in this delivery.
        whole: list[list[int]] = [[0, size_bytes]] if size_bytes else []
        done = _COMPLETE.run(
            driver,
            slot_id=ticket.slot_id,
            file_id=part.file_id,
            ranges=whole,
            size_bytes=size_bytes,
            now=now,
        )
        if done:
            return True
    rows = _DELIVERY.run(driver, slot_id=ticket.slot_id, file_id=part.file_id)
    if not rows:
        return False
    had = Had(*rows[0])
    spent = min(sent.get(part.file_id, 0), part.span.size_bytes)
    reached = min(arrived.get(part.file_id, 0), part.span.size_bytes)
    ranges = merge(had.ranges, Span(part.span.start, part.span.start + reached))
    in_flight = max(0, had.in_flight - 1)
    completed_at = had.completed_at
    if completed_at is None and part.file_id in arrived and covers(ranges, part.size_bytes):
        completed_at = now
    _SETTLE.run(
        driver,
        delivery_id=had.id,
        ranges=ranges,
        bytes_reserved=had.bytes_reserved - (part.span.size_bytes - spent),
        bytes_sent=had.bytes_sent + spent,
        in_flight=in_flight,
        in_flight_until=had.in_flight_until if in_flight else None,
        completed_at=completed_at,
    )
    return completed_at is not None
