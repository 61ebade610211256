"""Blobs as the objects of a bucket.

A blob is one object named by its key. It is sent piece by piece while it arrives, and can be
seen only when it is whole. Who is writing is said by locks outside of the bucket, so a sweep can
tell what a crash left behind from what is still arriving. All blobs of an upload share the
first half of their keys, which is the name of its lock.
"""

import logging
import re
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from itertools import groupby
from typing import BinaryIO

from minifile.codes import new_key
from minifile.errors import BlobHeld, BlobMissing, StorageUnavailable
from minifile.storage.locks import Hold, Locks
from minifile.storage.objects import Objects, StoredObject
from minifile.storage.pieces import write_object
from minifile.storage.reading import open_blob
from minifile.storage.segments import Segments, folder_of, opened
from minifile.values import Chunk, Span, StoredBlob

log = logging.getLogger("minifile")

_NAME = re.compile(r"(?P<key>[0-9a-f]{32})(?P<segment>\.part/.+)?")


def lock_of(key: str) -> str:
    """Return the name of the lock under which a blob is written."""
    return key[:16]


class BucketStorage:
    """The storage in a bucket. See `minifile.storage.Storage`."""

    has_files = False

    def __init__(self, objects: Objects, locks: Locks) -> None:
        self._objects = objects
        self._locks = locks

    @contextmanager
    def batch(self) -> Iterator["BucketBatch"]:
        with ExitStack() as held:
            batch = BucketBatch(self._objects, self._locks, held)
            try:
                yield batch
            finally:
                batch.discard()

    @contextmanager
    def appending(self, key: str, *, begins: bool) -> Iterator[Segments]:
        with (
            self._locks.hold(lock_of(key)) as hold,
            opened(self._objects, key, hold, begins=begins) as blob,
        ):
            yield blob

    def open(self, key: str, span: Span | None = None) -> BinaryIO:
        return open_blob(self._objects, key, span)

    def size(self, key: str) -> int:
        return self._objects.size(key)

    def delete(self, key: str) -> None:
        self._objects.delete(key)
        for segment in self._objects.list(folder_of(key)):
            self._objects.delete(segment.name)

    def blobs(self) -> Iterator[StoredBlob]:
        named = ((match["key"], entry) for entry in self._objects.list("")
                 if (match := _NAME.fullmatch(entry.name)))  # fmt: skip
        for key, entries in groupby(named, lambda each: each[0]):
            yield _stored(key, [entry for _, entry in entries])

    def is_being_written(self, key: str) -> bool:
        return self._locks.is_held(lock_of(key))

    def sweep_unfinished(self) -> int:
        count = 0
        for upload in self._objects.unfinished():
            match = _NAME.fullmatch(upload.name)
            if match is not None and not self.is_being_written(match["key"]):
                self._objects.abort(upload)
                count += 1
        return count

    def signed_url(
        self, key: str, *, disposition: str, content_type: str, lifetime: timedelta
    ) -> str:
        return self._objects.signed_url(
            key, disposition=disposition, content_type=content_type, lifetime=lifetime
        )

    def free_bytes(self) -> int | None:
        return None

    def check(self) -> None:
        name, content = f".check-{new_key()}", b"minifile"
        self._objects.put(name, content)
        try:
            with open_blob(self._objects, name, None) as blob:
                found = blob.read()
        except (BlobMissing, OSError):
            found = b""
        finally:
            self._objects.delete(name)
        if found != content:
            raise StorageUnavailable("The bucket does not give back what was just written to it.")
        # The rights to list are some of their own.
        next(self._objects.list(name), None)
        next(self._objects.unfinished(), None)


class BucketBatch:
    """The blobs of one upload."""

    def __init__(self, objects: Objects, locks: Locks, held: ExitStack) -> None:
        self._objects, self._locks, self._held = objects, locks, held
        self._holds: dict[str, Hold] = {}
        self._keys: list[str] = []
        self._lock = lock_of(new_key())

    def new_key(self) -> str:
        return self._lock + new_key()[len(self._lock) :]

    def put(self, key: str, chunks: Iterable[Chunk], *, size_bytes: int | None = None) -> None:
        self._hold(lock_of(key))
        self._keys.append(key)
        write_object(self._objects, key, chunks, size_bytes)

    def keep(self) -> None:
        if not all(hold.is_unbroken() for hold in self._holds.values()):
            raise StorageUnavailable("The upload was interrupted. Send it again.")
        self._keys.clear()

    def discard(self) -> None:
        """Delete what was put; what can't be deleted now is swept later."""
        for key in self._keys:
            try:
                self._objects.delete(key)
            except StorageUnavailable as error:
                log.warning("the blob %s could not be taken back: %s", key, error)

    def _hold(self, name: str) -> None:
        if name in self._holds:
            return
        try:
            self._holds[name] = self._held.enter_context(self._locks.hold(name))
        except BlobHeld:
            # Nobody else knows a new key; only a sweep may be looking at it just now.
            raise StorageUnavailable("The storage is busy. Try again in a moment.") from None


def _stored(key: str, entries: list[StoredObject]) -> StoredBlob:
    """Return a blob from its objects: the whole one, or the segments of a partial one."""
    whole = [entry for entry in entries if entry.name == key]
    found = whole or entries
    return StoredBlob(
        key=key,
        size_bytes=sum(entry.size_bytes for entry in found),
        modified_at=max(entry.modified_at for entry in found),
        partial=not whole,
    )
