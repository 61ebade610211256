"""Does the storage hold what the rows promise, and nothing else?"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import delete, exists, select

from minifile.errors import BlobMissing
from minifile.extensions import db, release_connection, write_transaction
from minifile.models import File, Link
from minifile.services.orphans import orphan_blobs
from minifile.services.pacing import ROWS
from minifile.storage import Storage
from minifile.values import LinkState

MISSING = "missing blob"
WRONG_SIZE = "wrong size"
WRONG_DIGEST = "wrong digest"
ORPHAN = "orphan blob"
_CHUNK = 2**20


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault: what is wrong, with which blob, of which link (by id; None for an orphan)."""

    fault: str
    key: str
    link_id: int | None = None
    file_id: int | None = None


class _File(NamedTuple):
    """What is known of a file; a million of them are looked at, so no more than that."""

    id: int
    link_id: int
    storage_key: str
    size_bytes: int
    sha256: str


def list_faults(*, storage: Storage, digests: bool = False) -> Iterator[Finding]:
    """Yield every fault. With `digests`, every byte is read.

    Links whose purge has begun are left out: the next purge finishes them.
    """
    for file in _files():
        fault = _fault(file, storage, digests=digests)
        if fault is not None:
            yield Finding(fault, file.storage_key, file.link_id, file.id)
    for blob in orphan_blobs(storage, hurried=True):
        yield Finding(ORPHAN, blob.key)


def repair(finding: Finding, *, storage: Storage) -> bool:
    """Delete an orphan, or a file without its bytes (and its link, if it was the last one).

    A blob of the wrong size or digest stays: it may be all that is left of the file. Say
    whether something was done.
    """
    if finding.fault == ORPHAN:
        storage.delete(finding.key)
        return True
    if finding.fault != MISSING:
        return False
    with write_transaction() as session:
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
        .where(File.id > after_id, Link.state != LinkState.DELETING)
        .order_by(File.id)
        .limit(ROWS)
    )
    page = [_File(*row) for row in db.session.execute(query)]
    release_connection()
    return page


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
    """Say whether a purge took the file between the listing and the look at its blob."""
    query = select(File.id).join(Link).where(File.id == file.id, Link.state != LinkState.DELETING)
    gone = db.session.execute(query).first() is None
    release_connection()
    return gone


def _digest(key: str, storage: Storage) -> str:
    digest = hashlib.sha256()
    with storage.open(key) as blob:
        while chunk := blob.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
