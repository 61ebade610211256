"""What a bucket can do, in the few words that its storage needs. S3 and Google Cloud speak them.

An object is written whole or not at all, and never changes. Names are relative to the prefix of
the storage. Every call raises StorageUnavailable when the bucket can't be reached or refuses.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from minifile.values import Chunk, Span


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object as it is listed."""

    name: str
    size_bytes: int
    modified_at: datetime


class ObjectReader(Protocol):
    """The bytes of an object on their way; closing it early is no error."""

    size_bytes: int
    """Of the whole object, whatever span of it is read."""

    def read(self, size_bytes: int) -> bytes:
        """Return the next bytes, at most so many; none at the end of the span.

        Raises OSError when the connection breaks or ends early.
        """

    def close(self) -> None: ...


class ObjectWriter(Protocol):
    """An object that is written piece by piece. Nothing can be read before `complete`."""

    def add(self, piece: Chunk) -> None:
        """Send a piece, of `Objects.piece_bytes`; the last one may be smaller.

        The bucket verifies what arrives. The piece has been used up when this returns.
        """

    def complete(self) -> None:
        """Make the object of its pieces. Afterwards nothing else can be done."""

    def abort(self) -> None:
        """Throw all pieces away. A second time is no error, nor after `complete`."""


class Objects(Protocol):
    """The objects of a bucket under one prefix."""

    piece_bytes: int
    """How large the pieces of a written object are, unless more is asked for."""
    most_pieces: int
    """How many pieces an object may have."""

    def put(self, name: str, content: Chunk) -> None:
        """Write a small object at once. The bucket verifies what arrives."""

    def begin(self, name: str) -> ObjectWriter:
        """Begin a large object."""

    def read(self, name: str, span: Span | None) -> ObjectReader:
        """Read an object, or a span of it that lies within. Raises BlobMissing."""

    def size(self, name: str) -> int:
        """Return the size of an object in bytes. Raises BlobMissing."""

    def list(self, prefix: str) -> Iterator[StoredObject]:
        """Yield all objects whose names begin so, in the order of their names' bytes."""

    def delete(self, name: str) -> None:
        """Delete an object. A missing one is no error."""

    def join(self, name: str, sources: Sequence[StoredObject]) -> None:
        """Make one object of others, in this order, within the bucket. The others stay.

        Each but the last has at least `least_joined_bytes`. There is at least one source.
        """

    least_joined_bytes: int

    def abort_unfinished(self, before: datetime) -> int:
        """Throw away what was begun before a time and never completed, and return how many.

        Nothing of it that is still being written may be that old.
        """

    def signed_url(
        self, name: str, *, disposition: str, content_type: str, lifetime: timedelta
    ) -> str:
        """Return an address that anybody may read the object at for a while, with these headers."""

    def check(self) -> None:
        """Write, read and delete a small object of its own.

        Raises StorageUnavailable with a sentence that says what is wrong, without a secret in it:
        no such bucket, wrong credentials, a clock that is wrong, no right to write, another
        region, nobody there.
        """
