"""Quotas: how much a holder uses, and whether more fits.

Used is what live links hold, what partial uploads will hold, and what uploads in progress have
reserved. All of it is added up from the rows by one statement, so it can't drift, and what expires
or is revoked is free at once. Whoever adds to it holds the holder meanwhile; whoever only moves it
on, from a reservation to a link say, does so in one transaction and need not.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    SQLColumnExpression,
    bindparam,
    case,
    func,
    literal,
    or_,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite

from minifile.errors import QuotaExceeded
from minifile.extensions import db
from minifile.models import (
    ANONYMOUS,
    DailyUpload,
    File,
    Link,
    PartialUpload,
    Reservation,
    User,
)
from minifile.services.statements import Driver, Statement, given, reading
from minifile.units import plural, size_in_words
from minifile.values import Limits, LinkState, PartialState

# Held on PostgreSQL by who adds to what senders without an account use together.
_ANONYMOUS_LOCK = 0x6D696E69_00000006
# Rows that only refer to the user do not wait: who settles holds a link and writes some.
_HOLD = Statement(
    select(User.id).where(User.id == bindparam("holder")).with_for_update(key_share=True)
)


@dataclass(frozen=True, slots=True)
class QuotaUse:
    """What a holder uses: bytes and live links, with what is on its way, and today's bytes."""

    size_bytes: int
    links: int
    today_bytes: int
    """Uploaded today (UTC), with what is on its way."""
    reserved_bytes: int = 0
    """What of it is on its way."""


def use_of(holder: int, now: datetime) -> QuotaUse:
    """Return what a holder uses now."""
    with reading(db.engine) as driver:
        return read_use(driver, holder, now)


def check_fits(driver: Driver, limits: Limits, size_bytes: int, links: int, now: datetime) -> None:
    """Raise QuotaExceeded unless so much more fits, within the caller's work, which then adds it.

    Holds the holder until the work is committed.
    """
    if limits.has_quota:
        hold(driver, limits.holder)
        check_use(read_use(driver, limits.holder, now), limits, size_bytes, links)


def check_within(driver: Driver, limits: Limits, now: datetime) -> None:
    """Raise QuotaExceeded when the caller's work has made the holder use more than allowed."""
    if limits.has_quota:
        hold(driver, limits.holder)
        use = read_use(driver, limits.holder, now)
        nothing = replace(use, size_bytes=0, links=0, today_bytes=0)
        # Nothing is uploaded by that.
        of_all_days = replace(limits, daily_upload=None)
        check_use(nothing, of_all_days, use.size_bytes, use.links)


def check_use(use: QuotaUse, limits: Limits, size_bytes: int, links: int) -> None:
    """Raise QuotaExceeded when so much more would be too much. Nothing more always fits."""
    if links and limits.max_links is not None and use.links + links > limits.max_links:
        raise QuotaExceeded(
            f"{plural(limits.max_links, 'live link')} may be there at once, and there"
            f" {'is' if use.links == 1 else 'are'} {use.links}."
            " Revoke one, or wait until one expires."
        )
    left = bytes_left(use, limits)
    if left is not None and size_bytes > left:
        raise QuotaExceeded(_too_much(use, limits, size_bytes))


def bytes_left(use: QuotaUse, limits: Limits) -> int | None:
    """Return how many more bytes fit; None without a limit."""
    lefts = []
    if limits.quota is not None:
        lefts.append(max(0, limits.quota - use.size_bytes))
    if limits.daily_upload is not None:
        lefts.append(max(0, limits.daily_upload - use.today_bytes))
    return min(lefts) if lefts else None


def hold(driver: Driver, holder: int) -> None:
    """Let no other transaction add to the holder's use until this one ends."""
    if driver.holds_all_rows:
        return
    if holder == ANONYMOUS:
        driver.fetch("SELECT pg_advisory_xact_lock(%s)", [_ANONYMOUS_LOCK])
    else:
        _HOLD.run(driver, holder=holder)


def read_use(driver: Driver, holder: int, now: datetime) -> QuotaUse:
    """Add up what a holder uses; one statement, so of one moment."""
    statement = _ANONYMOUS_USE if holder == ANONYMOUS else _USE
    row = statement.run(driver, holder=holder, now=now, day=_day(now))[0]
    files, links, coming, bundles, reserved, promised, today = map(int, row)
    on_its_way = coming + reserved
    return QuotaUse(
        size_bytes=files + on_its_way,
        links=links + bundles + promised,
        today_bytes=today + on_its_way,
        reserved_bytes=on_its_way,
    )


def count_upload(driver: Driver, limits: Limits, size_bytes: int, now: datetime) -> None:
    """Add to what the holder has uploaded today, within the work that makes the link."""
    if limits.holder == ANONYMOUS and limits.daily_upload is None:
        return
    statement = _COUNT[driver.dialect.name]
    statement.run(driver, holder=limits.holder, day=_day(now), size_bytes=size_bytes)


def _too_much(use: QuotaUse, limits: Limits, size_bytes: int) -> str:
    asked = size_in_words(size_bytes)
    if limits.quota is not None and use.size_bytes + size_bytes > limits.quota:
        free = size_in_words(max(0, limits.quota - use.size_bytes))
        return f"{asked} more do not fit: {free} are left of {size_in_words(limits.quota)}."
    daily = limits.daily_upload or 0
    free = size_in_words(max(0, daily - use.today_bytes))
    return f"{asked} more are too much for today: {free} are left of {size_in_words(daily)} a day."


def _day(now: datetime) -> str:
    return now.date().isoformat()


def _use(*, anonymous: bool) -> Statement:
    """Return the sums: bytes and number of live links, of partial uploads, of reservations."""
    now: Any = bindparam("now")
    holder: Any = bindparam("holder")

    def owned(column: SQLColumnExpression[int | None]) -> ColumnElement[bool]:
        return column.is_(None) if anonymous else column == holder

    is_live = (
        owned(Link.owner_id)
        & (Link.state == LinkState.OPEN.value)
        & (Link.expires_at > now)
        & Link.parent_id.is_(None)
    )
    is_pending = (
        owned(PartialUpload.owner_id)
        & or_(
            PartialUpload.state == PartialState.OPEN.value,
            PartialUpload.state == PartialState.COMPLETE.value,
        )
        & (PartialUpload.expires_at > now)
        # What is made of parts is counted as these until it takes their place.
        & PartialUpload.parts.is_(None)
    )
    # A part is no link, and the uploads of a bundle are one.
    link_to_be = case(
        (PartialUpload.concat == "partial", None),
        else_=func.coalesce(PartialUpload.bundle_hash, PartialUpload.upload_hash),
    )
    is_promised = (Reservation.holder == holder) & (Reservation.alive_until > now)
    is_today = (DailyUpload.holder == holder) & (DailyUpload.day == bindparam("day"))
    length = func.coalesce(PartialUpload.length, PartialUpload.offset)
    sums = (
        select(func.sum(File.size_bytes)).join(Link, Link.id == File.link_id).where(is_live),
        select(func.count(Link.id)).where(is_live),
        select(func.sum(length)).where(is_pending),
        select(func.count(link_to_be.distinct())).where(is_pending),
        select(func.sum(Reservation.size_bytes)).where(is_promised),
        select(func.sum(Reservation.links)).where(is_promised),
        select(func.sum(DailyUpload.size_bytes)).where(is_today),
    )
    return Statement(
        select(*(func.coalesce(each.scalar_subquery(), literal(0, Integer)) for each in sums))
    )


def _count(row: sqlite.Insert | postgresql.Insert) -> Statement:
    more = DailyUpload.size_bytes + row.excluded.size_bytes
    return Statement(
        row.values(**given("holder", "day", "size_bytes")).on_conflict_do_update(
            index_elements=["holder", "day"], set_={"size_bytes": more}
        )
    )


_USE = _use(anonymous=False)
_ANONYMOUS_USE = _use(anonymous=True)
_COUNT = {
    "sqlite": _count(sqlite.insert(DailyUpload)),
    "postgresql": _count(postgresql.insert(DailyUpload)),
}
