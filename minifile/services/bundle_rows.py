"""The rows of a bundle taken together: how many, how much, and held by one transaction."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import bindparam, func, select, update

from minifile.models import PartialUpload
from minifile.services.partial_record import PartialRecord
from minifile.services.statements import Driver, Statement
from minifile.values import PartialState

_KEEP_BUNDLE = Statement(
    update(PartialUpload)
    .where(
        PartialUpload.bundle_hash == bindparam("bundle"),
        PartialUpload.expires_at < bindparam("before"),
    )
    .values(expires_at=bindparam("new_expires_at"))
)
_SIZES = Statement(
    select(
        func.count(),
        func.coalesce(func.sum(func.coalesce(PartialUpload.length, PartialUpload.offset)), 0),
        func.min(PartialUpload.bundle_files),
        func.max(PartialUpload.link_id),
        func.max(PartialUpload.password_hash),
        func.max(PartialUpload.owner_id),
        func.max(PartialUpload.file_request_id),
    ).where(
        PartialUpload.bundle_hash == bindparam("bundle_hash"),
        PartialUpload.state != PartialState.DELETING.value,
    )
)
_COUNT = Statement(
    select(func.count()).where(
        PartialUpload.bundle_hash == bindparam("bundle_hash"),
        PartialUpload.state == PartialState.COMPLETE.value,
    )
)


@dataclass(frozen=True, slots=True)
class BundleSize:
    """What a bundle holds so far, in bytes too; what its members say of its number of files."""

    files: int
    size_bytes: int
    bundle_files: int | None
    link_id: int | None
    password_hash: str | None
    owner_id: int | None
    file_request_id: int | None


def hold_bundle(driver: Driver, bundle_hash: str) -> None:
    """Let no other transaction join or extend the bundle until this one ends."""
    if not driver.holds_all_rows:
        # An advisory lock costs the same for a bundle of one and of ten thousand.
        driver.fetch("SELECT pg_advisory_xact_lock(%s)", [int(bundle_hash[:15], 16)])


def size_of_bundle(driver: Driver, bundle_hash: str) -> BundleSize:
    """Add up a bundle."""
    files, size_bytes, *said = _SIZES.run(driver, bundle_hash=bundle_hash)[0]
    return BundleSize(files, int(size_bytes), *said)


def size_of(row: PartialRecord) -> int:
    """Return what an upload counts for in its bundle, in bytes: what it is to be, if known."""
    return row.offset if row.length is None else row.length


def count_complete(driver: Driver, bundle_hash: str) -> int:
    """Return how many uploads of a bundle are complete, and in no link."""
    count: int = _COUNT.run(driver, bundle_hash=bundle_hash)[0][0]
    return count


def keep_bundle(driver: Driver, bundle_hash: str, lifetime: timedelta, now: datetime) -> None:
    """Let every upload of a bundle live on while one of them goes on; written now and then."""
    _KEEP_BUNDLE.run(
        driver,
        bundle=bundle_hash,
        before=now + lifetime * 3 / 4,
        new_expires_at=now + lifetime,
    )
