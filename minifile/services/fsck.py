"""Does the storage hold what the rows promise, and nothing else?"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import delete, exists, select

from minifile.errors import BlobMissing
from minifile.extensions import db, release_connection, write_transaction
from minifile.models import File, Link, PartialUpload
from minifile.services.orphans import orphan_blobs
from minifile.services.pacing import ROWS
from minifile.storage import Storage
from minifile.values import LinkState, PartialState

MISSING = "missing blob"
WRONG_SIZE = "wrong size"
WRONG_DIGEST = "wrong digest"
ORPHAN = "orphan blob"
_CHUNK = 2**20
# Links whose bytes must be there.
_IS_KEPT = (Link.state != LinkState.DELETING) & Link.takedown_reason.is_(None)


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault: what is wrong, with which blob, of which link (by id; None for an orphan)."""

    fault: str
    key: str
    link_id: int | None = None
    file_id: int | None = None
    partial_id: int | None = None


class _File(NamedTuple):
    """What is known of a file; a million of them are looked at, so no more than that."""

    id: int
    link_id: int
    storage_key: str
    size_bytes: int
    sha256: str


def list_faults(*, storage: Storage, digests: bool = False) -> Iterator[Finding]:
    """Yield every fault. With `digests`, every byte is read.

    Links whose purge has begun are left out: the next purge finishes them. So are those that were
    taken down, whose bytes may have been deleted at once.
    """
    for file in _files():
        fault = _fault(file, storage, digests=digests)
        if fault is not None:
            yield Finding(fault, file.storage_key, file.link_id, file.id)
    for partial_id, key, length in _complete_partials():
        found = _fault_of_size(key, length, storage)
        if found is not None and _is_complete(partial_id):
            yield Finding(found, key, partial_id=partial_id)
    for blob in orphan_blobs(storage, hurried=True):
        yield Finding(ORPHAN, blob.key)


def repair(finding: Finding, *, storage: Storage) -> bool:
    """Delete an orphan, or a row without its bytes (and a link without files).

    A blob of the wrong size or digest stays: it may be all that is left of the file. Say
    whether something was done.
    """
    if finding.fault == ORPHAN:
        storage.delete(finding.key)
        return True
    if finding.fault != MISSING:
        return False
    with write_transaction() as session:
        session.execute(delete(PartialUpload).where(PartialUpload.id == finding.partial_id))
        session.execute(delete(File).where(File.id == finding.file_id))
        session.execute(
            delete(Link).where(Link.id == finding.link_id, ~exists().where(File.link_id == Link.id))
        )
    return True


def _files() -> Iterator[_File]:
    """Yield the files of live links, a page at a time, holding no transaction in between."""
    last = 0
    while page := _page_of_files(last):
        yield from page
        last = page[-1].id


def _page_of_files(after_id: int) -> list[_File]:
    query = (
        select(File.id, File.link_id, File.storage_key, File.size_bytes, File.sha256)
        .join(Link)
        .where(File.id > after_id, _IS_KEPT)
        .order_by(File.id)
        .limit(ROWS)
    )
    page = [_File(*row) for row in db.session.execute(query)]
    release_connection()
    return page


def _complete_partials() -> Iterator[tuple[int, str, int]]:
    """Yield id, key and length of uploads that are whole and in no link yet."""
    last = 0
    query = select(PartialUpload.id, PartialUpload.storage_key, PartialUpload.offset)
    query = query.where(PartialUpload.state == PartialState.COMPLETE).order_by(PartialUpload.id)
    while True:
        found = db.session.execute(query.where(PartialUpload.id > last).limit(ROWS)).all()
        page = [(row[0], row[1], row[2]) for row in found]
        release_connection()
        if not page:
            return
        yield from page
        last = page[-1][0]


def _is_complete(partial_id: int) -> bool:
    """Say whether an upload is still what it was when it was listed."""
    query = select(PartialUpload.id).where(
        PartialUpload.id == partial_id, PartialUpload.state == PartialState.COMPLETE
    )
    is_there = db.session.execute(query).first() is not None
    release_connection()
    return is_there


def _fault_of_size(key: str, size_bytes: int, storage: Storage) -> str | None:
    try:
        return None if storage.size(key) == size_bytes else WRONG_SIZE
    except BlobMissing:
        return MISSING


def _fault(file: _File, storage: Storage, *, digests: bool) -> str | None:
    try:
        if storage.size(file.storage_key) != file.size_bytes:
            return WRONG_SIZE
        if digests and _digest(file.storage_key, storage) != file.sha256:
            return WRONG_DIGEST
    except BlobMissing:
        return None if _was_deleted(file) else MISSING
    return None


def _was_deleted(file: _File) -> bool:
    """Say whether a purge or takedown took the file between the listing and the look at it."""
    query = select(File.id).join(Link).where(File.id == file.id, _IS_KEPT)
    gone = db.session.execute(query).first() is None
    release_connection()
    return gone


def _digest(key: str, storage: Storage) -> str:
    digest = hashlib.sha256()
    with storage.open(key) as blob:
        while chunk := blob.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
