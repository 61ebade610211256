"""Holding: the bytes and the row of a partial upload, for one request alone.

The bytes first, by a lock that ends with its process; then the row, by a compare-and-swap that
only finds it as it was read; and only then may the bytes change. A request that comes late loses
at the second step, and must not have touched what another has acknowledged.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

from minifile.codes import new_token
from minifile.errors import BlobHeld, BlobMissing, NotFound, UploadHeld
from minifile.services.orphans import keys_of_files
from minifile.services.partial_record import PartialRecord
from minifile.services.partials import Terms, discard_lost, read_again, take
from minifile.storage import PartialBlob
from minifile.values import PartialState

log = logging.getLogger("minifile")


@contextmanager
def held(
    row: PartialRecord,
    offset: int,
    *,
    terms: Terms,
    now: Callable[[], datetime],
    length: int | None = None,
) -> Iterator[tuple[PartialRecord, PartialBlob]]:
    """Hold an upload that is still as `row` says, its bytes cut to `offset`.

    `length` is that of the whole, if it is said now; the row is as it then is, and its writer is
    the caller. Raises UploadHeld when another is at it or was; TooLarge when the bundle would
    become so; NotFound when bytes are missing, and deletes the upload then.
    """
    writer = new_token()
    try:
        with terms.storage.appending(row.storage_key, begins=offset == 0) as blob:
            mine = take(row, writer, length, terms.limits, now())
            if mine is None:
                raise UploadHeld
            blob.cut_to(offset)
            with _emptied_when_gone(row, blob):
                yield mine, blob
    except BlobHeld:
        raise UploadHeld from None
    except BlobMissing:
        if not discard_lost(row, writer, storage=terms.storage):
            raise UploadHeld from None
        log.error("the bytes of partial upload %d are missing; it is deleted", row.id)
        raise NotFound("The bytes of this upload are lost. Begin it anew.") from None


@contextmanager
def _emptied_when_gone(row: PartialRecord, blob: PartialBlob) -> Iterator[None]:
    """Let no bytes stay of an upload that was ended by another while they were held."""
    try:
        yield
    except UploadHeld:
        again = read_again(row.id)
        is_ended = again is None or again.state == PartialState.DELETING
        # A row is gone as well once it is in a link, and long forgotten.
        if is_ended and not keys_of_files([row.storage_key]):
            blob.discard()
        raise
