"""The files of a link that is there: some are added, one is removed.

Both hold the link's row while they decide, so that nobody downloads, renames or revokes
in between. Adding keeps the order of every upload: bytes first, then rows. Removing is the other
way round: a crash in between leaves a blob without a row, which the purge sweeps.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import exists, func, select, update
from sqlalchemy.orm import Session

from minifile.errors import BadOption, NotFound
from minifile.extensions import release_connection, write_transaction
from minifile.models import Delivery, File, Link, Slot
from minifile.policy.access import check_open
from minifile.policy.limits import check_file_count, check_link_size
from minifile.policy.names import number_equal_names
from minifile.services.child_links import is_family, lock_children
from minifile.services.counts import TallyScope
from minifile.services.digests import check_digest_within
from minifile.services.forgetting import delete_tallies_within
from minifile.services.links import lock_link
from minifile.services.new_links import FILE_VALUES
from minifile.services.orphans import delete_blob
from minifile.services.rate_limits import UPLOADS, RateLimits
from minifile.services.removals import delete_file
from minifile.services.reservations import Reserved, reserving
from minifile.services.rollup import roll_up_file
from minifile.services.slots import IS_USED_DELIVERY
from minifile.services.statements import driver_of
from minifile.services.storing import Incoming, Rules, store_files
from minifile.services.uploads import check_upload
from minifile.services.visits import note_upload
from minifile.storage import Batch, Storage
from minifile.values import FileRecord, Limits, LinkRecord, Visitor


def add_files(
    link: LinkRecord,
    files: Iterator[Incoming],
    visitor: Visitor,
    *,
    declared_bytes: int | None,
    overhead_bytes: int = 0,
    rates: RateLimits,
    limits: Limits,
    storage: Storage,
    now: Callable[[], datetime],
) -> Sequence[FileRecord]:
    """Store files and put them behind those of the link, which must stay within all limits.

    Returns them as they are kept: a name that the link has already is numbered. Their ids are
    not told. Whatever is refused leaves nothing: raises what an upload raises, BadOption for a name
    that can't stand beside those there, and LinkExpired or LinkRevoked, also at the end.
    """
    whole = None if declared_bytes is None else link.size_bytes + declared_bytes
    check_upload(declared_bytes, visitor, rates=rates, limits=limits, storage=storage)
    check_link_size(whole or 0, limits)
    release_connection()
    room = reserving(limits, declared_bytes, overhead_bytes=overhead_bytes, links=0, now=now)
    with room as reserved, storage.batch() as batch:
        rules = Rules(limits, storage, None, reserved, declared_bytes)
        stored = store_files(files, batch, rules, held=link.files)
        added = _insert(link, stored, batch, reserved, limits=limits, now=now())
    rates.count(UPLOADS, visitor.rate_address)
    return added


def remove_file(link: LinkRecord, file_id: int, *, storage: Storage, now: datetime) -> None:
    """Take a file out of the link and delete its bytes.

    Who is being sent it gets the rest (from a bucket, within `removals.KEPT_FOR`); a zip on its
    way may break off where it would begin. What was delivered of it is forgotten, but its
    downloads stay counted. Raises NotFound, and BadOption for the last file.
    """
    with write_transaction() as session:
        row = lock_link(link.id)
        check_open(row, now)
        # Recipients fetch meanwhile, and what they had is to be noted.
        lock_children(session, row.id)
        file = session.scalar(select(File).where(File.id == file_id, File.link_id == row.id))
        if file is None:
            raise NotFound("This link has no such file.")
        if session.scalar(select(func.count()).where(File.link_id == row.id)) == 1:
            raise BadOption("A link needs a file, and this is its last. Revoke the link instead.")
        _keep_counted(session, file_id)
        roll_up_file(session, file_id)
        key = file.storage_key
        is_unused = delete_file(session, file, storage=storage, now=now)
        delete_tallies_within(session, TallyScope.FILE, [file_id])
    if is_unused:
        # What can't be deleted now is swept by the purge.
        delete_blob(key, storage)


def _keep_counted(session: Session, file_id: int) -> None:
    """Note in its slots that a file was had: its deliveries go with it."""
    had = exists().where(Delivery.slot_id == Slot.id, Delivery.file_id == file_id, IS_USED_DELIVERY)
    session.execute(
        update(Slot).where(had).values(is_used=True).execution_options(synchronize_session=False)
    )


def _insert(
    link: LinkRecord,
    stored: Sequence[FileRecord],
    batch: Batch,
    reserved: Reserved,
    *,
    limits: Limits,
    now: datetime,
) -> list[FileRecord]:
    """Write the rows, judged by what the link holds by now, keep the blobs, and commit."""
    with write_transaction() as session:
        row = lock_link(link.id)
        check_open(row, now)
        lock_children(session, row.id)
        added = _fitting(row.files, stored, limits, now)
        for file in added:
            check_digest_within(driver_of(session), file.sha256)
        last = max(file.position for file in row.files)
        session.add_all(_row(row, last + at, file) for at, file in enumerate(added, start=1))
        _open_completed_slots(session, row)
        session.flush()
        size_bytes = sum(file.size_bytes for file in added)
        note_upload(
            driver_of(session), row.id, links=0, files=len(added), size_bytes=size_bytes, now=now
        )
        reserved.settle(driver_of(session), size_bytes)
        # From here on a failed commit must not take the bytes: it may have happened.
        batch.keep()
    return added


def _fitting(
    there: Sequence[File], stored: Sequence[FileRecord], limits: Limits, now: datetime
) -> list[FileRecord]:
    """Return the new files under names that differ from those there, which stay as they are."""
    check_file_count(len(there) + len(stored), limits)
    sizes = [file.size_bytes for file in there] + [file.size_bytes for file in stored]
    check_link_size(sum(sizes), limits)
    old = [file.filename for file in there]
    names = number_equal_names([*old, *(file.filename for file in stored)])
    if names[: len(old)] != old:
        raise BadOption("A file of the link has the name of a folder among those to be added.")
    new = names[len(old) :]
    return [
        replace(file, filename=name, created_at=now) for file, name in zip(stored, new, strict=True)
    ]


def _row(link: Link, position: int, file: FileRecord) -> File:
    values = {name: getattr(file, name) for name in FILE_VALUES}
    return File(link_id=link.id, position=position, **values)


def _open_completed_slots(session: Session, link: Link) -> None:
    """Let who has had every file within an open slot fetch the new ones within it."""
    family = select(Link.id).where(is_family(link.id))
    session.execute(
        update(Slot)
        .where(Slot.link_id.in_(family), Slot.ended_at.is_(None), Slot.completed_at.is_not(None))
        .values(completed_at=None)
        .execution_options(synchronize_session=False)
    )
