"""Deliveries: counting a download and reserving its bytes before the first is sent.

With `slots` this is the one place where downloads are counted. `beginning` is one short
transaction that holds the link's row: it finds the slot that the client holds, or takes a new
one with one conditional UPDATE, and reserves the bytes of the whole range. `settling` gives
back what was not sent. What a killed process had reserved stays spent.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, insert, select, tuple_, update
from sqlalchemy.exc import IntegrityError

from minifile.errors import FileRemoved, LinkExhausted, LinkNotFound
from minifile.extensions import write_transaction
from minifile.models import Delivery, Link, Slot
from minifile.policy.access import check_open
from minifile.policy.counting import FileSpan, Start, is_in_flight
from minifile.services.clients import client_hashes, visitor_hash
from minifile.services.commits import Work
from minifile.services.download_notices import Hearer, hearer_of
from minifile.services.slots import (
    Fetcher,
    HeldSlot,
    find_held_slot,
    holds_slot,
    take_slot,
)
from minifile.services.statements import Driver, Statement, given
from minifile.values import LinkRecord, Visitor, downloads_left

# A response that has not been heard of for so long is taken for dead.
IN_FLIGHT_FOR = timedelta(seconds=60)

# Holds the row on PostgreSQL; on SQLite the transaction holds them all.
_LOCK_LINK = Statement(
    select(
        Link.state,
        Link.expires_at,
        Link.max_downloads,
        Link.download_count,
        Link.takedown_reason,
    )
    .where(Link.id == bindparam("link_id"))
    .with_for_update()
)
_COUNT_REQUEST = Statement(
    update(Slot).where(Slot.id == bindparam("slot_id")).values(requests=Slot.requests + 1)
)
_RESERVE = Statement(
    insert(Delivery).values(
        **given("slot_id", "file_id", "bytes_reserved", "has_start", "in_flight_until"),
        started_at=bindparam("now"),
        ranges=[],
        bytes_sent=0,
        in_flight=1,
    )
)
_RESERVE_MORE = Statement(
    update(Delivery)
    .where(Delivery.id == bindparam("delivery_id"))
    .values(
        **given("bytes_reserved", "has_start", "in_flight", "in_flight_until"),
        resumes=Delivery.resumes + bindparam("resumed"),
    )
)


@dataclass(frozen=True, slots=True)
class Ticket:
    """A running response: its slot, and the bytes of each file that are reserved for it."""

    link_id: int
    slot_id: int
    parts: Sequence[FileSpan]
    downloads_left: int | None = None
    """How many downloads the link had left once this one was counted; None without a limit."""
    hearer: Hearer | None = None
    """Who hears of it."""


@dataclass(frozen=True, slots=True)
class Locked:
    """What may have changed since a link was looked up; read anew under its lock."""

    state: str
    expires_at: datetime
    max_downloads: int | None
    download_count: int
    takedown_reason: str | None


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
    """Return the work that counts a request if it begins a download, and reserves its bytes.

    It may run twice, and is to be committed as durably as `is_durable` says. `fresh` says that the
    request starts at byte 0. The work raises LinkExhausted when the request needs a slot and none
    is left, LinkExpired or LinkRevoked when the link ended since it was looked up, and FileRemoved
    when one of its files is gone since.
    """
    clients = client_hashes(link.id, visitor, now)
    start = Start(fresh=fresh, by_cookie=visitor.browser is not None)
    # Of a private link its owner may know who fetched it.
    account = visitor.account if link.is_private else None
    fetcher = Fetcher(
        client=clients[0] if clients else None,
        user_id=None if account is None else account.id,
        visitor=visitor_hash(visitor, now) if visitor.is_recorded else None,
        origin=visitor.origin,
    )

    hearer = hearer_of(link.owner_id, link.parent_id or link.id)

    def work(driver: Driver) -> Ticket:
        if not driver.holds_all_rows:
            _lock_open(driver, link.id, now)
        held = find_held_slot(driver, link.id, clients, parts, start, now)
        taken = None if held else take_slot(driver, link.id, fetcher, lease, now)
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
        return Ticket(link.id, held.id, parts, left, hearer)

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


def lock(driver: Driver, link_id: int) -> Locked | None:
    """Hold the link's row until the transaction ends; None when there is none any more."""
    rows = _LOCK_LINK.run(driver, link_id=link_id)
    return Locked(*rows[0]) if rows else None


def _lock_open(driver: Driver, link_id: int, now: datetime) -> Locked:
    """Hold the row of a link that is open. Raises LinkNotFound, LinkExpired or LinkRevoked."""
    locked = lock(driver, link_id)
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
        _reserve_anew(driver, slot, part, now, reserved)
        return
    # A mark that has run out: whatever was running died without a word.
    is_alive = is_in_flight(had, now)
    reserved["bytes_reserved"] += had.bytes_reserved
    reserved["has_start"] |= had.has_start
    in_flight = (had.in_flight if is_alive else 0) + 1
    goes_on = part.span.start > 0 and in_flight == 1 and had.completed_at is None
    _RESERVE_MORE.run(
        driver, delivery_id=had.id, in_flight=in_flight, resumed=int(goes_on), **reserved
    )


def _reserve_anew(
    driver: Driver, slot: HeldSlot, part: FileSpan, now: datetime, reserved: dict[str, Any]
) -> None:
    try:
        _RESERVE.run(driver, slot_id=slot.id, file_id=part.file_id, now=now, **reserved)
    except IntegrityError as error:
        # The slot is held, and its deliveries are known: only the file can be gone.
        raise FileRemoved from error
