"""The bytes of removed files: gone at once, or once nobody is being sent them any more.

An open file of this machine outlives its deletion. An object in a bucket does not, nor does the
address of one that was handed out. So a blob that somebody has begun to fetch from a bucket
is kept for a while; nobody else is led to it.
"""

from datetime import datetime, timedelta

from sqlalchemy import delete, exists, select
from sqlalchemy.orm import Session

from minifile.extensions import db, release_connection
from minifile.models import Delivery, File, RemovedBlob
from minifile.services.handovers import is_being_fetched
from minifile.services.orphans import delete_blobs
from minifile.services.pacing import ROWS, unhurried, unhurried_transaction
from minifile.storage import Storage

# So long has who is being sent a removed file for the rest of it.
KEPT_FOR = timedelta(hours=1)


def delete_file(session: Session, file: File, *, storage: Storage, now: datetime) -> bool:
    """Delete the row of a file, and say whether its blob is to be deleted after the commit.

    If not, that is left to the purge.
    """
    is_begun = exists().where(Delivery.file_id == file.id, is_being_fetched(now))
    is_kept = not storage.has_files and bool(session.scalar(select(is_begun)))
    if is_kept:
        session.add(RemovedBlob(storage_key=file.storage_key, delete_at=now + KEPT_FOR))
    session.execute(delete(File).where(File.id == file.id))
    return not is_kept


def purge_removed_blobs(*, storage: Storage, now: datetime) -> None:
    """Delete the blobs whose time is over, bytes first. One that can't be deleted is tried once."""
    last = ""
    query = select(RemovedBlob.storage_key).where(RemovedBlob.delete_at <= now)
    query = query.order_by(RemovedBlob.storage_key).limit(ROWS)
    while keys := db.session.scalars(query.where(RemovedBlob.storage_key > last)).all():
        release_connection()
        last = keys[-1]
        with unhurried():
            gone = delete_blobs(keys, storage)
        with unhurried_transaction() as session:
            session.execute(delete(RemovedBlob).where(RemovedBlob.storage_key.in_(gone)))
    release_connection()
