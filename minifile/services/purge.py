"""The purge: frees what expired and revoked links hold, and sweeps what crashes left.

It enforces nothing: the rules refuse an expired link at once. The order for each batch is
mark → commit → delete bytes → delete rows → commit, so a crash leaves marked rows that the next
run finishes. Any number of purges may run at once. Batches are small, because the write lock
of SQLite is held while one is deleted (100 links: 3 ms; 5,000: 200 ms).
"""

import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from sqlalchemy import and_, delete, exists, func, or_, select, update

from minifile.extensions import db, release_connection, write_transaction
from minifile.models import Delivery, File, Link, Slot
from minifile.services.clients import destroy_old_salts
from minifile.storage import Storage
from minifile.values import LinkState, StoredBlob

log = logging.getLogger("minifile")

BATCH = 200
_BLOB_BATCH = 500
# Long enough for a waiting writer to get its turn between two batches.
PAUSE_SECONDS = 0.01


@dataclass(frozen=True, slots=True)
class Purged:
    """What a purge deleted."""

    links: int = 0
    size_bytes: int = 0
    orphans: int = 0


def purge_expired(*, storage: Storage, now: datetime) -> Purged:
    """Delete expired and revoked links, bytes first, then sweep orphan blobs.

    A link that is being fetched (a mark younger than a minute) waits for the next run.
    """
    links = size_bytes = last_id = 0
    while ids := _mark_batch(now, last_id):
        count, freed = _delete_batch(ids, storage)
        links, size_bytes, last_id = links + count, size_bytes + freed, ids[-1]
        time.sleep(PAUSE_SECONDS)
    _end_slots(now)
    return Purged(links, size_bytes, sweep_orphans(storage))


def sweep_orphans(storage: Storage) -> int:
    """Delete blobs that no row names and no upload is writing; return how many."""
    count = 0
    for blob in orphan_blobs(storage):
        storage.delete(blob.key)
        count += 1
    return count


def orphan_blobs(storage: Storage) -> Iterator[StoredBlob]:
    """Yield the blobs that no row names and no live upload holds.

    The rows are asked again after the upload was found to be over: it may have written them
    between the first question and its end.
    """
    blobs = storage.blobs()
    while batch := list(islice(blobs, _BLOB_BATCH)):
        known = _known_keys([blob.key for blob in batch])
        for blob in batch:
            if blob.key in known or storage.is_being_written(blob.key):
                continue
            if not _known_keys([blob.key]):
                yield blob


def _mark_batch(now: datetime, after_id: int) -> Sequence[int]:
    """Mark some links that are over and not being fetched; return their ids, in order."""
    in_flight = exists().where(
        Slot.link_id == Link.id, Delivery.slot_id == Slot.id, Delivery.in_flight_until > now
    )
    is_over = and_(or_(Link.state != LinkState.OPEN, Link.expires_at <= now), ~in_flight)
    query = select(Link.id).where(is_over, Link.id > after_id).order_by(Link.id).limit(BATCH)
    ids = db.session.scalars(query).all()
    release_connection()
    if not ids:
        return ids
    with write_transaction() as session:
        # Asked again under the lock: the sender may just have prolonged one, or a recipient
        # have begun. PostgreSQL sees that in a statement that starts after it has the locks.
        session.execute(select(Link.id).where(Link.id.in_(ids)).with_for_update())
        marked = session.scalars(
            update(Link)
            .where(Link.id.in_(ids), is_over)
            .values(state=LinkState.DELETING, closed_at=func.coalesce(Link.closed_at, now))
            .returning(Link.id)
            .execution_options(synchronize_session=False)
        )
        # Even if none could be marked, the next batch begins behind these.
        return sorted(marked) or ids[-1:]


def _delete_batch(ids: Sequence[int], storage: Storage) -> tuple[int, int]:
    """Delete the blobs of marked links, then their rows; return how many and how much."""
    files = db.session.execute(
        select(File.link_id, File.storage_key, File.size_bytes)
        .join(Link)
        .where(File.link_id.in_(ids), Link.state == LinkState.DELETING)
    ).all()
    release_connection()
    kept = {file.link_id for file in files if not _delete_blob(file.storage_key, storage)}
    with write_transaction() as session:
        # Files, slots, deliveries and access go with their link (ON DELETE CASCADE). Another
        # purge may be at the same links: each counts what it deleted itself.
        gone = delete(Link).where(Link.id.in_(set(ids) - kept), Link.state == LinkState.DELETING)
        deleted = set(session.scalars(gone.returning(Link.id)))
    return len(deleted), sum(file.size_bytes for file in files if file.link_id in deleted)


def _delete_blob(key: str, storage: Storage) -> bool:
    """Delete a blob; one that can't be deleted must not keep the others."""
    try:
        storage.delete(key)
    except OSError:
        log.exception("the blob %s can't be deleted; its link stays for the next purge", key)
        return False
    return True


def _end_slots(now: datetime) -> None:
    """End slots whose lease is over, and forget which client held them."""
    with write_transaction(durable=False) as session:
        session.execute(
            update(Slot)
            .where(Slot.ended_at.is_(None), Slot.ends_at <= now)
            .values(client=None, ended_at=Slot.ends_at)
            .execution_options(synchronize_session=False)
        )
        destroy_old_salts(now)


def _known_keys(keys: Sequence[str]) -> set[str]:
    known = set(db.session.scalars(select(File.storage_key).where(File.storage_key.in_(keys))))
    release_connection()
    return known
