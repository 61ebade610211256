"""Usage: how much an instance holds."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Label, SQLColumnExpression, case, func, select
from sqlalchemy.orm import InstrumentedAttribute

from minifile.extensions import db, release_connection
from minifile.models import Delivery, File, Link, PartialUpload, Reservation, User
from minifile.storage import Storage
from minifile.values import LinkState, PartialState

# A database adds up so many in some 10 ms.
_PAGE = 20_000


@dataclass(frozen=True, slots=True)
class Usage:
    """The numbers of `minifile stats`; sizes in bytes."""

    links_open: int
    links_closed: int
    """Expired or revoked, and waiting for the purge."""
    files: int
    size_bytes: int
    downloads: int
    """Counted on the links that still have their rows."""
    in_flight: int
    free_bytes: int | None
    partial_uploads: int
    """Not finished, or not in a link yet."""
    partial_bytes: int
    users: int
    reserved_bytes: int
    """Promised to uploads in progress, by quotas."""


def measure_usage(*, storage: Storage, now: datetime) -> Usage:
    """Count links, files, bytes and downloads.

    A page of rows after the other, so that no transaction is open for long: what changes meanwhile
    may be counted or not.
    """
    # A child link is a way to the files of its parent, and no link of its own.
    is_link = Link.parent_id.is_(None)
    is_open = is_link & (Link.state == LinkState.OPEN) & (Link.expires_at > now)
    _, links, links_open, downloads = add_up(
        Link.id, one_if(is_link), one_if(is_open), Link.download_count
    )
    files, size_bytes = add_up(File.id, File.size_bytes)
    _, in_flight = add_up(Delivery.id, one_if(Delivery.in_flight_until > now))
    is_pending = PartialUpload.state.in_([PartialState.OPEN, PartialState.COMPLETE])
    _, partial_uploads, partial_bytes = add_up(
        PartialUpload.id, one_if(is_pending), case((is_pending, PartialUpload.offset), else_=0)
    )
    return Usage(
        links_open=links_open,
        links_closed=links - links_open,
        files=files,
        size_bytes=size_bytes,
        downloads=downloads,
        in_flight=in_flight,
        free_bytes=storage.free_bytes(),
        partial_uploads=partial_uploads,
        partial_bytes=partial_bytes,
        users=add_up(User.id)[0],
        reserved_bytes=add_up(
            Reservation.id,
            case((Reservation.alive_until > now, Reservation.size_bytes), else_=0),
        )[1],
    )


def count_standings(now: datetime) -> dict[str, int]:
    """Return how many links are open, exhausted, expired, revoked and taken down."""
    is_link = Link.parent_id.is_(None)
    is_open = is_link & (Link.state == LinkState.OPEN)
    is_revoked = is_link & (Link.state == LinkState.REVOKED)
    is_live, is_taken_down = (
        is_open & (Link.expires_at > now),
        is_link & Link.takedown_reason.is_not(None),
    )
    is_used_up = Link.max_downloads.is_not(None) & (Link.download_count >= Link.max_downloads)
    standings = {
        "open": is_live & ~is_used_up,
        "exhausted": is_live & is_used_up,
        "expired": is_open & (Link.expires_at <= now),
        "revoked": is_revoked & ~is_taken_down,
        "taken down": is_taken_down,
    }
    counts = add_up(Link.id, *(one_if(standing) for standing in standings.values()))
    return dict(zip(standings, counts[1:], strict=True))


def one_if(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return case((condition, 1), else_=0)


def add_up(ids: InstrumentedAttribute[int], *columns: SQLColumnExpression[int]) -> list[int]:
    """Return how many rows a table has, and the sum of each column."""
    numbers: list[Label[int]] = [
        column.label(f"number_{index}") for index, column in enumerate(columns)
    ]
    totals = [0] * (1 + len(columns))
    last_id = 0
    while True:
        page = select(ids, *numbers).where(ids > last_id).order_by(ids).limit(_PAGE).subquery()
        sums = [func.sum(page.c[number.name]) for number in numbers]
        end, *found = db.session.execute(select(func.max(page.c.id), func.count(), *sums)).one()
        release_connection()
        if end is None:
            return totals
        totals = [total + int(more) for total, more in zip(totals, found, strict=True)]
        last_id = end
