"""Numbers of the whole instance, for who watches it: whoever is asked says the same.

What costs a look at every row is looked at as seldom as `metrics/exposition.py` says, a page of
rows after the other. Deliveries, of which there are the most, are not looked at.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import case, func, select

from minifile.errors import StorageUnavailable
from minifile.extensions import db, release_connection
from minifile.models import File, Lease, PartialUpload, RemovedBlob, Reservation, User
from minifile.services.dispatch_log import count_waiting
from minifile.services.history import RunRecord, list_purges
from minifile.services.usage import add_up, count_standings, one_if
from minifile.storage import Storage
from minifile.values import PartialState


@dataclass(frozen=True, slots=True)
class LeaseRecord:
    """Which process does a job that only one may do, and until when nobody else begins it."""

    name: str
    holder: str
    """Its host and process id."""
    until: datetime


@dataclass(frozen=True, slots=True)
class InstanceNumbers:
    """How much there is at an instant; sizes in bytes."""

    at: datetime
    links: Mapping[str, int]
    """By standing: open, exhausted, expired, revoked, taken down."""
    files: int
    size_bytes: int
    free_bytes: int | None
    users: int
    partial_uploads: int
    partial_bytes: int
    reserved_bytes: int
    queues: Mapping[str, int]
    leases: Sequence[LeaseRecord]
    last_purge: RunRecord | None


def read_numbers(*, storage: Storage, now: datetime) -> InstanceNumbers:
    """Add up what there is."""
    is_pending = PartialUpload.state.in_([PartialState.OPEN, PartialState.COMPLETE])
    files, size_bytes = add_up(File.id, File.size_bytes)
    _, partial_uploads, partial_bytes = add_up(
        PartialUpload.id, one_if(is_pending), case((is_pending, PartialUpload.offset), else_=0)
    )
    is_promised = Reservation.alive_until > now
    _, reserved = add_up(Reservation.id, case((is_promised, Reservation.size_bytes), else_=0))
    purges = list_purges(limit=1)
    numbers = InstanceNumbers(
        at=now,
        links=count_standings(now),
        files=files,
        size_bytes=size_bytes,
        free_bytes=free_bytes_of(storage),
        users=add_up(User.id)[0],
        partial_uploads=partial_uploads,
        partial_bytes=partial_bytes,
        reserved_bytes=reserved,
        queues=_queues(),
        leases=_leases(),
        last_purge=purges[0] if purges else None,
    )
    release_connection()
    return numbers


def free_bytes_of(storage: Storage) -> int | None:
    """Return how many are free; None where the storage does not say, or can't just now."""
    try:
        return storage.free_bytes()
    except (OSError, StorageUnavailable):
        return None


def _queues() -> dict[str, int]:
    """Return how much waits in the database, by queue: whatever has a queue there adds it here."""
    removed = select(func.count()).select_from(RemovedBlob)
    return {
        "removed_blobs": db.session.scalar(removed) or 0,
        "notifications": count_waiting(),
    }


def _leases() -> list[LeaseRecord]:
    rows = db.session.execute(select(Lease.name, Lease.owner, Lease.until).order_by(Lease.name))
    # The rest of an owner is random, and would make a new series of each run.
    return [LeaseRecord(name, ":".join(owner.split(":")[:2]), until) for name, owner, until in rows]
