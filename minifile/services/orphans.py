"""Orphans: blobs without a row, which crashes leave, and their sweep."""

import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from itertools import islice

from sqlalchemy import select

from minifile.errors import StorageUnavailable
from minifile.models import File, PartialUpload, RemovedBlob
from minifile.services.pacing import ROWS, read_page, unhurried
from minifile.storage import Storage
from minifile.values import StoredBlob

log = logging.getLogger("minifile")

# Blobs of a bucket that are deleted at once.
_AT_ONCE = 16


def delete_blob(key: str, storage: Storage) -> bool:
    """Delete a blob and say whether it is gone; one that can't be deleted must not keep others."""
    try:
        storage.delete(key)
    except StorageUnavailable as error:
        log.warning("the blob %s can't be deleted now, the next purge tries again: %s", key, error)
        return False
    except OSError:
        log.exception("the blob %s can't be deleted; the next purge tries again", key)
        return False
    return True


def delete_blobs(keys: Sequence[str], storage: Storage) -> set[str]:
    """Delete blobs, and return the keys of those that are gone.

    A bucket is asked for several at a time: what takes long is waiting for its answers.
    """
    if storage.has_files:
        return {key for key in keys if delete_blob(key, storage)}
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="deleting") as pool:
        is_gone = pool.map(lambda key: delete_blob(key, storage), keys)
        return {key for key, gone in zip(keys, is_gone, strict=True) if gone}


def sweep_orphans(storage: Storage) -> int:
    """Delete blobs that no row names and no upload is writing; return how many.

    What was begun of a blob, and is none yet, goes with them.
    """
    count = _sweep_unfinished(storage)
    for blob in orphan_blobs(storage):
        storage.delete(blob.key)
        count += 1
    return count


def _sweep_unfinished(storage: Storage) -> int:
    try:
        return storage.sweep_unfinished()
    except StorageUnavailable as error:
        # A right of its own, which may be missing; the orphans are swept all the same.
        log.warning("uploads that crashes left begun can't be swept: %s", error)
        return 0


def orphan_blobs(storage: Storage, *, hurried: bool = False) -> Iterator[StoredBlob]:
    """Yield the blobs that no row names and no live upload holds.

    Every blob of the storage is looked at, a page at a time, with rests unless somebody waits.
    """
    blobs = storage.blobs()
    while True:
        with nullcontext() if hurried else unhurried():
            page = list(islice(blobs, ROWS))
            orphans = _orphans_among(page, storage)
        if not page:
            return
        yield from orphans


def _orphans_among(page: Sequence[StoredBlob], storage: Storage) -> list[StoredBlob]:
    """Return those without a row and without an upload.

    The rows are asked again after the upload was found to be over: it may have written them
    between the first question and its end.
    """
    known = _known_keys([blob.key for blob in page])
    return [
        blob
        for blob in page
        if blob.key not in known
        and not storage.is_being_written(blob.key)
        and not _known_keys([blob.key])
    ]


def keys_of_files(keys: Sequence[str]) -> set[str]:
    """Return which of the keys belong to files of links."""
    return set(read_page(select(File.storage_key).where(File.storage_key.in_(keys))))


def _known_keys(keys: Sequence[str]) -> set[str]:
    """Return which of the keys a file, a partial upload or a removed blob names."""
    columns = (PartialUpload.storage_key, RemovedBlob.storage_key)
    others = {
        key for column in columns for key in read_page(select(column).where(column.in_(keys)))
    }
    return keys_of_files(keys) | others
