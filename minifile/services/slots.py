"""Slots: a link's downloads as the counter sees them; found again, taken, given back.

All but `holds_slot` run within a transaction that holds the link's row.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, bindparam, delete, exists, func, insert, literal, or_, select, update

from minifile.extensions import db
from minifile.models import Delivery, File, Link, Slot
from minifile.policy.counting import MAX_REQUESTS, FileSpan, Start, may_join
from minifile.services.clients import known_client_hashes
from minifile.services.statements import Driver, Row, Statement, given, reading
from minifile.values import LinkRecord, LinkState, Origin, Visitor, downloads_left

# How many slots of one client are looked at, the newest first. Behind one address there may be
# many clients that are the same to us; what one of them did before must not slow the next down.
_UNFINISHED = 64
_FINISHED = 4

# What is kept of who fetches, in columns of these names.
WHO_FIELDS = tuple(Origin.__dataclass_fields__)

# The columns of `Had`, in its order.
HAD_COLUMNS = (
    Delivery.id,
    Delivery.file_id,
    Delivery.ranges,
    Delivery.bytes_reserved,
    Delivery.bytes_sent,
    Delivery.has_start,
    Delivery.in_flight,
    Delivery.in_flight_until,
    Delivery.completed_at,
)


@dataclass(frozen=True, slots=True)
class Fetcher:
    """Who takes a slot: the hash that finds it again, if any, and what analytics knows."""

    client: str | None
    user_id: int | None
    """Where the sender may know who fetched."""
    visitor: str | None
    origin: Origin


@dataclass(slots=True)
class Had:
    """What a client has had of one file within a slot: its delivery row, as it was read."""

    id: int
    file_id: int
    ranges: list[list[int]]
    bytes_reserved: int
    bytes_sent: int
    has_start: bool
    in_flight: int
    in_flight_until: datetime | None
    completed_at: datetime | None


@dataclass(slots=True)
class HeldSlot:
    """An open slot of a client, and what it has had in it, by file id."""

    id: int
    received: dict[int, Had] = field(default_factory=dict)

    @property
    def is_unfinished(self) -> bool:
        return any(had.completed_at is None for had in self.received.values())


def _open_slots() -> Select[Any]:
    """Select a client's open slots of a link; it may stand under two hashes."""
    return select(Slot.id).where(
        Slot.link_id == bindparam("link_id"),
        Slot.client.in_([bindparam("client"), bindparam("other")]),
        Slot.ended_at.is_(None),
        Slot.ends_at > bindparam("now"),
    )


def _candidates(*, finished: bool, one_file: bool, resting: bool = False) -> Statement:
    """Select slots that a request may join, with what was had in each: of a file, or of all.

    With `resting` only those in which nothing of the one file is in flight or completed: no
    others fit a fresh start of a whole file without a cookie (`may_join`), and behind one
    address there may be hundreds.
    """
    state = Slot.completed_at.is_not(None) if finished else Slot.completed_at.is_(None)
    found = (
        _open_slots()
        .where(Slot.requests < MAX_REQUESTS, state)
        .order_by(Slot.id.desc())
        .limit(literal(_FINISHED if finished else _UNFINISHED))
        .subquery()
    )
    on = Delivery.slot_id == found.c.id
    if one_file:
        on &= Delivery.file_id == bindparam("file_id")
    query = select(found.c.id, *HAD_COLUMNS).select_from(found).outerjoin(Delivery, on)
    if resting:
        mark = Delivery.in_flight_until
        query = query.where(
            Delivery.completed_at.is_(None), or_(mark.is_(None), mark <= bindparam("now"))
        )
    return Statement(query.order_by(found.c.id.desc()))


_HOLDS = Statement(_open_slots().limit(literal(1)))
_CANDIDATES = {
    (finished, one_file): _candidates(finished=finished, one_file=one_file)
    for finished in (False, True)
    for one_file in (False, True)
}
_RESTING = _candidates(finished=False, one_file=True, resting=True)
_COUNT = Statement(
    update(Link)
    .where(
        Link.id == bindparam("link_id"),
        Link.state == LinkState.OPEN.value,
        Link.expires_at > bindparam("now"),
        or_(Link.max_downloads.is_(None), Link.download_count < Link.max_downloads),
    )
    .values(download_count=Link.download_count + 1)
    .returning(Link.max_downloads, Link.download_count)
)
_TAKE = Statement(
    insert(Slot)
    .values(
        **given("link_id", "client", "ends_at", "user_id", *WHO_FIELDS, "visitor"),
        started_at=bindparam("now"),
        requests=1,
    )
    .returning(Slot.id)
)
# Whether a delivery has had, or may yet get, something.
IS_USED_DELIVERY = or_(
    Delivery.bytes_reserved > 0, Delivery.in_flight > 0, Delivery.completed_at.is_not(None)
)
_IS_USED = Statement(
    select(Slot.id).where(
        Slot.id == bindparam("slot_id"),
        or_(Slot.is_used, exists().where(Delivery.slot_id == Slot.id, IS_USED_DELIVERY)),
    )
)
# One that has ended is in the tallies, and stays counted.
_DELETE = Statement(
    delete(Slot).where(Slot.id == bindparam("slot_id"), Slot.ended_at.is_(None)).returning(Slot.id)
)
_UNCOUNT = Statement(
    update(Link)
    .where(Link.id == bindparam("link_id"), Link.download_count > 0)
    .values(download_count=Link.download_count - 1)
)
# A child link shows the files of its parent.
_HOLDER_OF_FILES = (
    select(func.coalesce(Link.parent_id, Link.id))
    .where(Link.id == bindparam("link_id"))
    .scalar_subquery()
)
_FINISH = Statement(
    update(Slot)
    .where(
        Slot.id == bindparam("slot_id"),
        select(func.count())
        .where(Delivery.slot_id == bindparam("slot_id"), Delivery.completed_at.is_not(None))
        .scalar_subquery()
        == select(func.count()).where(File.link_id == _HOLDER_OF_FILES).scalar_subquery(),
    )
    .values(completed_at=bindparam("now"))
)


def holds_slot(link: LinkRecord, visitor: Visitor, *, now: datetime) -> bool:
    """Say whether the visitor has an open slot of the link."""
    clients = known_client_hashes(link.id, visitor, now)
    if not clients:
        return False
    with reading(db.engine) as driver:
        return bool(_HOLDS.run(driver, **_whose(link.id, clients, now)))


def find_held_slot(
    driver: Driver,
    link_id: int,
    clients: Sequence[str],
    parts: Sequence[FileSpan],
    start: Start,
    now: datetime,
) -> HeldSlot | None:
    """Return the client's slot that a request fits into, with what it had there.

    A slot in which one of the files is still unfinished comes first.
    """
    slots = _held_slots(driver, link_id, clients, parts, start, now)
    fitting = [slot for slot in slots if may_join(slot.received, parts, start, now)]
    unfinished = (slot for slot in fitting if slot.is_unfinished)
    return next(unfinished, fitting[0] if fitting else None)


def take_slot(
    driver: Driver,
    link_id: int,
    fetcher: Fetcher,
    lease: timedelta,
    now: datetime,
) -> tuple[int, int | None] | None:
    """Take a new slot, if the link is open and has one left: check and count are one UPDATE.

    Returns its id and how many downloads are left, or None where nothing was taken.
    """
    counted = _COUNT.run(driver, link_id=link_id, now=now)
    if not counted:
        return None
    origin = fetcher.origin
    taken = _TAKE.run(
        driver,
        link_id=link_id,
        # An open slot has one, be it empty: so the index finds them.
        client=fetcher.client or "",
        now=now,
        ends_at=now + lease,
        user_id=fetcher.user_id,
        visitor=fetcher.visitor,
        family=origin.family,
        system=origin.system,
        country=origin.country,
        referrer=origin.referrer,
        address=origin.address,
    )
    return taken[0][0], downloads_left(*counted[0])


def give_back_if_unused(driver: Driver, link_id: int, slot_id: int) -> None:
    """Undo the count of a slot whose responses are over and sent nothing."""
    if not _IS_USED.run(driver, slot_id=slot_id) and _DELETE.run(driver, slot_id=slot_id):
        _UNCOUNT.run(driver, link_id=link_id)


def finish_if_complete(driver: Driver, link_id: int, slot_id: int, now: datetime) -> None:
    """Mark a slot in which every file of the link has been delivered completely.

    No fresh start can join it any more, so it is not looked at for one.
    """
    _FINISH.run(driver, link_id=link_id, slot_id=slot_id, now=now)


def _held_slots(
    driver: Driver,
    link_id: int,
    clients: Sequence[str],
    parts: Sequence[FileSpan],
    start: Start,
    now: datetime,
) -> list[HeldSlot]:
    if not clients:
        return []
    whose = _whose(link_id, clients, now)
    one_file = len(parts) == 1
    if one_file:
        whose["file_id"] = parts[0].file_id
    if one_file and parts[0].is_whole and not start.by_cookie:
        return _grouped(_RESTING.run(driver, **whose))
    rows = _CANDIDATES[False, one_file].run(driver, **whose)
    if not start.fresh:
        rows += _CANDIDATES[True, one_file].run(driver, **whose)
    return _grouped(rows)


def _grouped(rows: Sequence[Row]) -> list[HeldSlot]:
    slots: dict[int, HeldSlot] = {}
    for slot_id, *had in rows:
        slot = slots.setdefault(slot_id, HeldSlot(slot_id))
        # A slot without any delivery of the files asked for comes with an empty one.
        if had[0] is not None:
            found = Had(*had)
            slot.received[found.file_id] = found
    return list(slots.values())


def _whose(link_id: int, clients: Sequence[str], now: datetime) -> dict[str, object]:
    return {"link_id": link_id, "client": clients[0], "other": clients[-1], "now": now}
