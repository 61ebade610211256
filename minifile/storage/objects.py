"""What a bucket can do, in the few words that its storage needs. S3 and Google Cloud speak them.

An object is written whole or not at all, and never changes. Names are relative to the prefix of
the storage. Every call raises StorageUnavailable when the bucket can't be reached or refuses, with
a sentence that says what is wrong, without a secret in it: no such bucket, wrong credentials, a
wrong clock, a right that is missing, nobody there.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from minifile.errors import StorageUnavailable
from minifile.values import Span

Content = bytes | bytearray


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object as it is listed."""

    name: str
    size_bytes: int
    modified_at: datetime


@dataclass(frozen=True, slots=True)
class Unfinished:
    """An object that was begun and is not complete: its pieces take up space."""

    name: str
    upload_id: str


def whole_size(content_range: str | None, length: str | int, span: Span | None) -> int:
    """Return the size of an object from the headers of an answer with it or with a span of it.

    Raises StorageUnavailable for an answer that does not begin where the span does, such as that
    of a proxy that knows no ranges: its bytes would be taken for others.
    """
    if span is None and content_range is None:
        return int(length)
    start = 0 if span is None else span.start
    if content_range is None or not content_range.startswith(f"bytes {start}-"):
        raise StorageUnavailable("The bucket does not give the part that was asked for.")
    return int(content_range.rpartition("/")[2])


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

    def add(self, number: int, piece: Content) -> None:
        """Send a piece; they are numbered from 1, and only the last one may be smaller.

        The bucket verifies what arrives. Up to `Objects.pieces_at_once` may be sent side by side.
        """

    def complete(self) -> None:
        """Make the object of its pieces. Afterwards nothing else can be done."""

    def abort(self) -> None:
        """Throw all pieces away. A second time is no error, nor after `complete`."""


class Objects(Protocol):
    """The objects of a bucket under one prefix."""

    piece_bytes: int
    """How large the pieces of an object are at least."""
    most_pieces: int
    """How many pieces an object may have, or others be joined to it."""
    pieces_at_once: int
    """How many pieces of one object may be on their way."""
    least_joined_bytes: int
    """How large objects that are joined must be, but for the last."""

    def put(self, name: str, content: Content) -> None:
        """Write a small object at once. The bucket verifies what arrives."""

    def begin(self, name: str) -> ObjectWriter:
        """Begin a large object, of at least one piece."""

    def read(self, name: str, span: Span | None) -> ObjectReader:
        """Read an object, or a span of it that lies within. Raises BlobMissing."""

    def size(self, name: str) -> int:
        """Return the size of an object in bytes. Raises BlobMissing."""

    def list(self, prefix: str) -> Iterator[StoredObject]:
        """Yield all objects whose names begin so, in the order of their names' bytes."""

    def delete(self, name: str) -> None:
        """Delete an object. A missing one is no error."""

    def join(self, name: str, sources: Sequence[str]) -> None:
        """Make one object of others, at least one, within the bucket. The others stay.

        Raises BlobMissing when one of them is not there.
        """

    def unfinished(self) -> Iterator[Unfinished]:
        """Yield what was begun and neither completed nor aborted, be it by the living or the dead.

        Nothing where a bucket forgets such things by itself.
        """

    def abort(self, unfinished: Unfinished) -> None:
        """Throw away what was begun; that it was ended meanwhile is no error."""

    def signed_url(
        self, name: str, *, disposition: str, content_type: str, lifetime: timedelta
    ) -> str:
        """Return an address that anybody may read the object at for a while, with these headers."""
