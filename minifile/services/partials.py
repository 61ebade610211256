"""The rows of partial uploads: how they are read, taken, moved on and closed."""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, bindparam, delete, func, insert, or_, select, update

from minifile.codes import token_hash
from minifile.errors import NotFound, UploadExpired
from minifile.extensions import db
from minifile.models import PartialUpload
from minifile.policy.limits import check_link_size
from minifile.services.bundle_rows import hold_bundle, keep_bundle, size_of, size_of_bundle
from minifile.services.commits import commit
from minifile.services.orphans import delete_blob
from minifile.services.partial_record import PartialRecord
from minifile.services.quotas import check_fits
from minifile.services.rate_limits import UNKNOWN_CODES, RateLimits
from minifile.services.statements import Driver, Row, Statement, given, reading
from minifile.storage import Storage
from minifile.values import Limits, PartialState, Visitor

_NAMES = [field.name for field in fields(PartialRecord)]
_ROW = select(*(getattr(PartialUpload, name) for name in _NAMES))
_BY_HASH = Statement(_ROW.where(PartialUpload.upload_hash == bindparam("upload_hash")))
_BY_ID = Statement(_ROW.where(PartialUpload.id == bindparam("row_id")))
# A part is nobody's file, so it belongs to no bundle.
_MEMBERS = Statement(
    _ROW.where(
        PartialUpload.bundle_hash == bindparam("bundle_hash"),
        PartialUpload.state != PartialState.DELETING.value,
    ).order_by(PartialUpload.created_at, PartialUpload.id)
)
_INSERT = Statement(
    insert(PartialUpload)
    .values(**given(*(set(_NAMES) - {"id"})), is_wanted=False)
    .returning(PartialUpload.id)
)
_IS_OPEN = and_(
    PartialUpload.id == bindparam("row_id"),
    PartialUpload.state == PartialState.OPEN.value,
    PartialUpload.offset == bindparam("old_offset"),
)
_TAKE = Statement(
    update(PartialUpload)
    .where(
        _IS_OPEN,
        or_(
            PartialUpload.length.is_(None),
            PartialUpload.length == func.coalesce(bindparam("new_length"), PartialUpload.length),
        ),
    )
    .values(
        writer=bindparam("new_writer"),
        length=func.coalesce(PartialUpload.length, bindparam("new_length")),
        is_wanted=False,
    )
    .returning(PartialUpload.length)
)
_MOVE = Statement(
    update(PartialUpload)
    .where(_IS_OPEN, PartialUpload.writer == bindparam("old_writer"))
    .values(
        offset=bindparam("new_offset"),
        writer=bindparam("new_writer"),
        expires_at=bindparam("new_expires_at"),
    )
    .returning(PartialUpload.id)
)
_COMPLETE = Statement(
    update(PartialUpload)
    .where(
        PartialUpload.id == bindparam("row_id"),
        PartialUpload.state == PartialState.OPEN.value,
        PartialUpload.writer == bindparam("old_writer"),
    )
    .values(
        state=PartialState.COMPLETE.value,
        writer=None,
        offset=PartialUpload.length,
        content_type=bindparam("new_content_type"),
        sha256=bindparam("new_sha256"),
        crc32=bindparam("new_crc32"),
        completed_at=bindparam("new_completed_at"),
    )
    .returning(PartialUpload.id)
)
_MARK_DELETING = Statement(
    update(PartialUpload)
    .where(
        PartialUpload.id == bindparam("row_id"),
        PartialUpload.state != PartialState.JOINED.value,
    )
    .values(state=PartialState.DELETING.value)
    .returning(PartialUpload.id)
)
_MARK_LOST = Statement(
    update(PartialUpload)
    .where(
        _IS_OPEN,
        or_(
            PartialUpload.writer.is_not_distinct_from(bindparam("old_writer")),
            PartialUpload.writer == bindparam("new_writer"),
        ),
    )
    .values(state=PartialState.DELETING.value)
    .returning(PartialUpload.id)
)
_CLAIM_PART = Statement(
    update(PartialUpload)
    .where(
        PartialUpload.id == bindparam("row_id"),
        PartialUpload.state == PartialState.COMPLETE.value,
    )
    .values(state=PartialState.DELETING.value)
    .returning(PartialUpload.id)
)
_DELETE = Statement(delete(PartialUpload).where(PartialUpload.id == bindparam("row_id")))


@dataclass(frozen=True, slots=True)
class Terms:
    """What every step of a resumable upload is done with. `secret` makes owner tokens."""

    storage: Storage
    limits: Limits
    rates: RateLimits
    lifetime: timedelta
    """How long an upload is kept that nobody goes on with."""
    secret: str
    limits_for: Callable[[PartialRecord], Limits] | None = None
    """Finds the limits of who began an upload; whoever goes on with it needs only its address."""

    def of(self, row: PartialRecord) -> "Terms":
        """Return the terms of the sender who began the upload. Raises Forbidden if disabled."""
        return self if self.limits_for is None else replace(self, limits=self.limits_for(row))


def find_partial(
    upload_id: str, visitor: Visitor, *, rates: RateLimits, now: datetime
) -> PartialRecord:
    """Return the upload of an address. Raises UploadExpired.

    Raises NotFound for an unknown one, which is counted like an unknown code, and TooManyTries
    when there have been too many of them.
    """
    row = _one(_BY_HASH, upload_hash=token_hash(upload_id))
    if row is None or row.state == PartialState.DELETING:
        rates.check(UNKNOWN_CODES, visitor.rate_address)
        rates.count(UNKNOWN_CODES, visitor.rate_address)
        raise NotFound("There is no such upload. It may have expired; begin it anew.")
    if row.is_expired(now):
        raise UploadExpired
    return row


def read_again(row_id: int) -> PartialRecord | None:
    """Return a row as it is now."""
    return _one(_BY_ID, row_id=row_id)


def read_members(driver: Driver, bundle_hash: str) -> list[PartialRecord]:
    """Return the uploads of a bundle in the order in which they were begun."""
    return [PartialRecord(*row) for row in _MEMBERS.run(driver, bundle_hash=bundle_hash)]


def insert_partial(driver: Driver, row: PartialRecord) -> int:
    """Write a new row within the caller's work, and return its id."""
    row_id: int = _INSERT.run(driver, **{n: getattr(row, n) for n in _NAMES if n != "id"})[0][0]
    return row_id


def take(
    row: PartialRecord, writer: str, length: int | None, limits: Limits, now: datetime
) -> PartialRecord | None:
    """Make `writer` the one that may move the row on; None when it is not as given any more.

    `length` is that of the whole upload when it is said now. Raises TooLarge when its bundle
    would hold too much by that, and QuotaExceeded.
    """

    def work(driver: Driver) -> list[Row]:
        if length is not None and row.bundle_hash is not None:
            hold_bundle(driver, row.bundle_hash)
            others = size_of_bundle(driver, row.bundle_hash).size_bytes - size_of(row)
            check_link_size(others + length, limits)
        if length is not None and row.length is None:
            check_fits(driver, limits, length - row.offset, 0, now)
        return _TAKE.run(
            driver, row_id=row.id, old_offset=row.offset, new_writer=writer, new_length=length
        )

    taken = commit(work, durable=False)
    return replace(row, writer=writer, length=taken[0][0]) if taken else None


def move(
    row: PartialRecord,
    offset: int,
    *,
    keeps: bool,
    durable: bool,
    lifetime: timedelta,
    now: datetime,
) -> bool:
    """Say that there are bytes up to `offset`; they are on stable storage.

    The upload, and the others of its bundle, live on for a `lifetime`. `keeps` leaves the row to
    its writer. Says whether the row was still the writer's.
    """

    def work(driver: Driver) -> list[Row]:
        if row.bundle_hash is not None:
            # Many rows are written, and who joins them writes them in another order.
            hold_bundle(driver, row.bundle_hash)
            keep_bundle(driver, row.bundle_hash, lifetime, now)
        return _MOVE.run(
            driver,
            row_id=row.id,
            old_offset=row.offset,
            old_writer=row.writer,
            new_offset=offset,
            new_writer=row.writer if keeps else None,
            new_expires_at=now + lifetime,
        )

    return bool(commit(work, durable=durable))


def mark_complete(driver: Driver, row: PartialRecord) -> bool:
    """Write down what is known of a whole file; say whether the row was still the writer's."""
    found = _COMPLETE.run(
        driver,
        row_id=row.id,
        old_writer=row.writer,
        new_content_type=row.content_type,
        new_sha256=row.sha256,
        new_crc32=row.crc32,
        new_completed_at=row.completed_at,
    )
    return bool(found)


def discard(row: PartialRecord, *, storage: Storage) -> bool:
    """Delete an upload that belongs to no link: mark, bytes, row. Say whether it did.

    Where the bytes can't be deleted now the mark stays, and the purge goes on.
    """
    if not commit(lambda driver: _MARK_DELETING.run(driver, row_id=row.id), durable=False):
        return False
    if delete_blob(row.storage_key, storage):
        forget(row)
    return True


def discard_lost(row: PartialRecord, writer: str, *, storage: Storage) -> bool:
    """Delete an upload whose bytes are missing, unless another has moved it on: say whether."""

    def work(driver: Driver) -> list[Row]:
        return _MARK_LOST.run(
            driver,
            row_id=row.id,
            old_offset=row.offset,
            old_writer=row.writer,
            new_writer=writer,
        )

    return bool(commit(work, durable=False)) and discard(row, storage=storage)


def forget(row: PartialRecord) -> None:
    """Delete a row whose bytes are gone, or belong to a link."""
    commit(lambda driver: _DELETE.run(driver, row_id=row.id), durable=False)


def mark_deleting(driver: Driver, row: PartialRecord) -> None:
    """Mark a row within the caller's work; its bytes and the row itself go afterwards."""
    _MARK_DELETING.run(driver, row_id=row.id)


def claim_part(driver: Driver, part_id: int) -> bool:
    """Mark a complete part as used up, within the work that makes a file of it; say whether it was.

    Its bytes count against the quota once, as a part or in the file, and never for two files.
    """
    return bool(_CLAIM_PART.run(driver, row_id=part_id))


def _one(statement: Statement, **values: Any) -> PartialRecord | None:
    with reading(db.engine) as driver:
        rows = statement.run(driver, **values)
    return PartialRecord(*rows[0]) if rows else None
