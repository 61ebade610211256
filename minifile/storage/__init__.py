"""Bytes: the promise that every storage keeps, and how one is opened.

A blob is named by a random key (`codes.new_key`), is written once, and never changes.

In a folder of this machine: `local`, `appending` (partial blobs), `files`. In a bucket: `bucket`,
`pieces` (large objects), `segments` (partial blobs), `reading`, over the `objects` of `s3` or
`gcs`; who is writing there is said by `locks`.
"""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import BinaryIO, Protocol

from minifile.config.buckets import BucketAddress, parse_bucket_url
from minifile.storage.local import LocalStorage
from minifile.storage.locks import Locks
from minifile.storage.objects import Objects
from minifile.values import Chunk, Span, StoredBlob


class Batch(Protocol):
    """The blobs of one upload; whatever is not kept is gone when the batch ends."""

    def new_key(self) -> str:
        """Return a random key for `put` (`codes.new_key`)."""

    def put(self, key: str, chunks: Iterable[Chunk], *, size_bytes: int | None = None) -> None:
        """Write the chunks as a blob; when this returns they are on stable storage.

        `size_bytes` is what they will come to at most, where that is known. Each chunk has been
        used up when the next is asked for: its buffer is filled again. Nothing of the blob can be
        read before this returns. When the iterable or the storage raises, nothing of the blob is
        left and the error goes on. Raises StorageFull when there is no space, and
        StorageUnavailable.
        """

    def keep(self) -> None:
        """Keep what was put, also when the batch ends with an error.

        Raises StorageUnavailable when a sweep may have taken some of it for orphans.
        """


class PartialBlob(Protocol):
    """A blob that is written in several goes, held by this one alone."""

    size_bytes: int
    """How many bytes there are by now."""

    def cut_to(self, offset: int) -> None:
        """Cut off what lies beyond a byte. Raises BlobMissing when there are fewer bytes, or when
        it is finished with another size; it must be called before anything is written.
        """

    def discard(self) -> None:
        """Delete it; nothing else can be done with it then."""

    def write(self, chunk: Chunk) -> None:
        """Append; the chunk has been used up when this returns. Raises StorageFull."""

    def head(self, size_bytes: int) -> bytes:
        """Return the first bytes, fewer where there are no more."""

    def sync(self) -> None:
        """Bring all that was written to stable storage. Raises StorageFull."""

    def finish(self) -> None:
        """Sync, and make it a blob like any other. Doing it again is no error."""


class Storage(Protocol):
    """Where blobs live. Every call raises StorageUnavailable when it can't be asked just now."""

    def batch(self) -> AbstractContextManager[Batch]:
        """Begin an upload. Until it ends, `is_being_written` is true for each of its keys."""

    def appending(self, key: str, *, begins: bool) -> AbstractContextManager[PartialBlob]:
        """Hold a partial blob, as it is; where to go on is said by `cut_to`.

        One that `begins` is made when there is none. What was written stays when the block ends,
        however it ends, and nobody holds it then; after a crash nobody does either. One that is
        finished already can be held and finished again. Until the block ends `is_being_written`
        is true for the key. Raises BlobHeld while another holds it, and BlobMissing, or
        StorageUnavailable where it can't be known whether what is not found is lost.
        """

    has_files: bool
    """Whether what `open` returns is a file of this machine, with a descriptor for `sendfile`."""

    def open(self, key: str, span: Span | None = None) -> BinaryIO:
        """Open a blob for reading; `span` says which bytes will be asked for, if not all.

        Positions are those of the whole blob. A read may return fewer bytes than asked for before
        the end (`reading.read_up_to`). When it is deleted later, reading goes on to its
        end or raises OSError; it never ends early without one. Raises BlobMissing when there is
        none, and StorageUnavailable.
        """

    def size(self, key: str) -> int:
        """Return the size of a blob in bytes. Raises BlobMissing when there is none."""

    def delete(self, key: str) -> None:
        """Delete a blob, or what a dead upload left of it. A missing one is no error."""

    def blobs(self) -> Iterator[StoredBlob]:
        """Yield every blob, whole and partial, in no order."""

    def sweep_unfinished(self) -> int:
        """Delete what crashes left that is no blob, whole or partial; return how many.

        What a live upload holds is left alone.
        """

    def is_being_written(self, key: str) -> bool:
        """Say whether a live upload holds the key. After a crash nobody does."""

    def signed_url(
        self, key: str, *, disposition: str, content_type: str, lifetime: timedelta
    ) -> str | None:
        """Return an address at which anybody can fetch the blob for a while, with these headers.

        Nothing is asked of the storage. None where there are no such addresses.
        """

    def free_bytes(self) -> int | None:
        """Return how many bytes are free, or None where that can't be said."""

    def check(self) -> None:
        """Raise StorageUnavailable when blobs can't be written here."""


def open_storage(url: str, locks: Locks) -> Storage:
    """Return the storage that a STORAGE_URL names; a bucket says by `locks` who is writing."""
    scheme = url.partition(":")[0]
    if scheme == "file":
        return LocalStorage(url.removeprefix("file:").removeprefix("//"))
    # The clients of buckets are extras, and take a while to load.
    from minifile.storage.bucket import BucketStorage

    return BucketStorage(_open_bucket(parse_bucket_url(url)), locks)


def _open_bucket(address: BucketAddress) -> Objects:
    if address.scheme == "s3":
        from minifile.storage.s3 import S3Objects

        return S3Objects(address)
    from minifile.storage.gcs import GcsObjects

    return GcsObjects(address)
