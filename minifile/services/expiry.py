"""The purge of partial uploads that nobody goes on with, in the order of the purge of links.

Mark → commit → delete bytes → delete rows, a page at a time, with rests. What belongs to a link
loses its row only: the bytes are the link's.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, select, update

from minifile.extensions import db, release_connection
from minifile.models import PartialUpload
from minifile.services.orphans import delete_blobs
from minifile.services.pacing import ROWS, read_page, unhurried, unhurried_transaction
from minifile.storage import Storage
from minifile.values import PartialState

_PENDING = (PartialState.OPEN, PartialState.COMPLETE)


def purge_partial_uploads(*, storage: Storage, now: datetime) -> int:
    """Delete expired uploads that nobody writes, and return how many."""
    count = _delete_marked(storage)
    last = 0
    while rows := _page_of_expired(now, last):
        last = rows[-1][0]
        _mark([row_id for row_id, key in rows if not storage.is_being_written(key)], now)
        count += _delete_marked(storage)
    _delete_joined(now)
    return count


def _page_of_expired(now: datetime, after_id: int) -> Sequence[tuple[int, str]]:
    query = (
        select(PartialUpload.id, PartialUpload.storage_key)
        .where(
            PartialUpload.state.in_(_PENDING),
            PartialUpload.expires_at <= now,
            PartialUpload.id > after_id,
        )
        .order_by(PartialUpload.id)
    )
    found = db.session.execute(query.limit(ROWS)).all()
    release_connection()
    return [(row[0], row[1]) for row in found]


def _mark(ids: Sequence[int], now: datetime) -> None:
    """Mark those that are still expired: a client may just have come back."""
    with unhurried_transaction(durable=True) as session:
        session.execute(
            update(PartialUpload)
            .where(
                PartialUpload.id.in_(ids),
                PartialUpload.state.in_(_PENDING),
                PartialUpload.expires_at <= now,
            )
            .values(state=PartialState.DELETING)
            .execution_options(synchronize_session=False)
        )


def _delete_marked(storage: Storage) -> int:
    """Delete bytes and rows of what is marked; one that can't be deleted is tried once."""
    count = last = 0
    query = select(PartialUpload.id, PartialUpload.storage_key).order_by(PartialUpload.id)
    query = query.where(PartialUpload.state == PartialState.DELETING)
    while rows := db.session.execute(query.where(PartialUpload.id > last).limit(ROWS)).all():
        release_connection()
        last = rows[-1][0]
        with unhurried():
            keys = delete_blobs([row[1] for row in rows], storage)
        gone = [row[0] for row in rows if row[1] in keys]
        with unhurried_transaction() as session:
            deleted = delete(PartialUpload).where(PartialUpload.id.in_(gone))
            count += len(session.scalars(deleted.returning(PartialUpload.id)).all())
    release_connection()
    return count


def _delete_joined(now: datetime) -> None:
    """Forget how a link was uploaded, once nobody asks for it any more."""
    over = select(PartialUpload.id).where(
        PartialUpload.state == PartialState.JOINED, PartialUpload.expires_at <= now
    )
    while page := read_page(over):
        with unhurried_transaction() as session:
            session.execute(
                delete(PartialUpload)
                .where(PartialUpload.id.in_(page))
                .execution_options(synchronize_session=False)
            )
