"""Ending a resumable upload before its time: what its sender, or its file's link, asks for."""

from collections.abc import Callable
from datetime import datetime

from minifile import metering
from minifile.errors import Conflict, NotFound
from minifile.services.joining import link_of
from minifile.services.links import revoke_link
from minifile.services.partial_record import PartialRecord
from minifile.services.partials import Terms, discard, find_partial, forget, read_again
from minifile.services.takeover import freed
from minifile.values import PartialState, Visitor


def end_upload(
    upload_id: str, visitor: Visitor, *, terms: Terms, now: Callable[[], datetime]
) -> None:
    """Delete an upload; one that is a link by itself has its link revoked.

    Raises NotFound, UploadHeld, and Conflict for a file of a bundle's link.
    """
    found = find_partial(upload_id, visitor, rates=terms.rates, now=now())
    row = freed(found, storage=terms.storage)
    if row.state == PartialState.JOINED or not discard(row, storage=terms.storage):
        _end_joined(read_again(row.id), terms, now())
    elif row.state == PartialState.OPEN and not row.is_part:
        metering.count(metering.UPLOADS, "aborted")


def _end_joined(row: PartialRecord | None, terms: Terms, now: datetime) -> None:
    if row is None:
        raise NotFound
    if row.file_request_id is not None:
        raise Conflict("This file has been handed in. Only who asked for it can delete it now.")
    if row.bundle_hash is not None:
        raise Conflict("This file is in a link now. Change or revoke it on the sender's page.")
    new = link_of(row, secret=terms.secret)
    if new is not None:
        revoke_link(new.link, now=now)
    forget(row)
