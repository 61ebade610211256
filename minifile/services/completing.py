"""Completing: from the last byte of a resumable upload to a file, and to a link if it is due.

The order of effects: the offset is recorded → the blob is final → its checksums and its type →
rows and link, in one commit. The bytes are held all the while, so nobody does it twice at once;
a crash in between is made up for by whoever next asks for the upload, or by the purge.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import BinaryIO

from minifile import metering
from minifile.errors import (
    BlobMissing,
    Conflict,
    LinkGone,
    NotFound,
    StorageUnavailable,
    TypeRefused,
    UploadHeld,
)
from minifile.policy.types import check_file_type, media_type
from minifile.services.answering import terms_of_upload
from minifile.services.bundle_rows import hold_bundle
from minifile.services.checksums import Checksums
from minifile.services.digests import check_digest
from minifile.services.holding import held
from minifile.services.joining import Progress, join_if_due, link_of
from minifile.services.new_links import commit_with_code
from minifile.services.partial_record import PartialRecord
from minifile.services.partials import (
    Terms,
    claim_part,
    discard,
    mark_complete,
    read_again,
)
from minifile.services.rate_limits import UPLOADS
from minifile.services.statements import Driver
from minifile.services.storing import HEAD_BYTES
from minifile.services.uploads import NewLink
from minifile.storage import PartialBlob, Storage
from minifile.values import PartialState

_CHUNK_BYTES = 2**20


def complete(
    row: PartialRecord,
    blob: PartialBlob,
    sums: Checksums | None,
    *,
    address: str,
    terms: Terms,
    now: Callable[[], datetime],
) -> Progress:
    """Make a file of a full upload that the caller holds, and the link if it is due.

    `sums` are those of all its bytes, or None. Raises TypeRefused; Conflict when a part of it
    has gone.
    """
    if row.is_final and blob.size_bytes == 0:
        sums = _copy_parts(row, blob, terms.storage)
    blob.finish()
    known = row if row.is_part else _with_sums(row, blob, sums, terms)
    known = replace(known, completed_at=now())

    def work(driver: Driver, code: str) -> NewLink | None:
        if row.bundle_hash is not None:
            hold_bundle(driver, row.bundle_hash)
        if not mark_complete(driver, known):
            raise UploadHeld
        for part_id in _part_ids(row):
            if not claim_part(driver, part_id):
                raise Conflict("A part of this upload has become part of another file.")
        whole = replace(known, offset=known.length or 0, state=PartialState.COMPLETE.value)
        return join_if_due(driver, whole, code, terms=terms, now=now())

    made = commit_with_code(work, code_length=terms.limits.code_length)
    _count(row, made, address, terms)
    _delete_parts(row, terms.storage)
    return Progress(read_again(row.id) or known, made)


def _count(row: PartialRecord, made: NewLink | None, address: str, terms: Terms) -> None:
    if not row.is_part:
        metering.count(metering.UPLOADS, "completed")
    if made is not None:
        terms.rates.count(UPLOADS, address)


def continue_completing(
    row: PartialRecord, *, address: str, terms: Terms, now: Callable[[], datetime]
) -> Progress:
    """Complete what a crash has left full; leave alone what another request completes just now.

    Raises NotFound when its bytes are lost, or when it was ended just now.
    """
    if row.state != PartialState.OPEN or not (row.is_full or row.is_final):
        return Progress(row, link_of(row, secret=terms.secret))
    terms = terms_of_upload(row, terms, now())
    try:
        with (
            discarded_when_refused(row, terms.storage),
            held(row, _held_from(row, terms.storage), terms=terms, now=now) as (mine, blob),
        ):
            return complete(mine, blob, None, address=address, terms=terms, now=now)
    except UploadHeld:
        again = read_again(row.id)
        if again is None:
            raise NotFound from None
        return Progress(again, link_of(again, secret=terms.secret))


@contextmanager
def discarded_when_refused(row: PartialRecord, storage: Storage) -> Iterator[None]:
    """Delete the upload when what it holds is not accepted here, or can't be had any more."""
    try:
        yield
    except (TypeRefused, Conflict, LinkGone):
        discard(row, storage=storage)
        raise


def _held_from(row: PartialRecord, storage: Storage) -> int:
    """Return where to go on with the bytes: parts are copied anew unless the copy was finished."""
    if not row.is_final:
        return row.offset
    try:
        return storage.size(row.storage_key)
    except BlobMissing:
        return 0


def _with_sums(
    row: PartialRecord, blob: PartialBlob, sums: Checksums | None, terms: Terms
) -> PartialRecord:
    head = blob.head(HEAD_BYTES)
    check_file_type(row.filename, head, terms.limits)
    if sums is None or sums.size_bytes != row.length:
        sums = _read_again(row, terms.storage)
    check_digest(sums.sha256())
    return replace(
        row,
        sha256=sums.sha256(),
        crc32=sums.crc32(),
        content_type=media_type(row.filename, head, row.declared_type),
    )


def _read_again(row: PartialRecord, storage: Storage) -> Checksums:
    with Checksums() as sums:
        for chunk in _chunks_of(row.storage_key, storage):
            sums.update(chunk)
    return sums


def _copy_parts(row: PartialRecord, blob: PartialBlob, storage: Storage) -> Checksums:
    """Append the parts one after the other, hashing on the way."""
    with Checksums() as sums:
        for part in _parts(row):
            for chunk in _chunks_of(part.storage_key, storage):
                blob.write(chunk)
                sums.update(chunk)
    return sums


def _chunks_of(key: str, storage: Storage) -> Iterator[bytes]:
    try:
        blob = storage.open(key)
    except BlobMissing:
        raise Conflict("A part of this upload is not there any more.") from None
    with blob:
        while chunk := _read(blob):
            yield chunk


def _read(blob: BinaryIO) -> bytes:
    try:
        return blob.read(_CHUNK_BYTES)
    except OSError as error:
        raise StorageUnavailable("The storage broke off. Try again in a moment.") from error


def _part_ids(row: PartialRecord) -> list[int]:
    """Return what a final upload is made of; nothing for any other."""
    return [int(part_id) for part_id in (row.parts or "").split(",") if part_id]


def _parts(row: PartialRecord) -> Iterator[PartialRecord]:
    for part_id in _part_ids(row):
        part = read_again(part_id)
        if part is None or part.state != PartialState.COMPLETE:
            raise Conflict("A part of this upload is not there any more.")
        yield part


def _delete_parts(row: PartialRecord, storage: Storage) -> None:
    for part_id in _part_ids(row):
        part = read_again(part_id)
        if part is not None:
            discard(part, storage=storage)
