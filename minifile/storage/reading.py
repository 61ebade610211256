"""Reading a blob from a bucket as if it were a file: from any byte, over broken connections."""

import io
from typing import BinaryIO, cast

from minifile.errors import MinifileError
from minifile.storage.objects import ObjectReader, Objects
from minifile.values import Span

# So often a connection may break without a byte having come.
_TRIES = 3


def read_up_to(blob: BinaryIO, size_bytes: int) -> bytes:
    """Read so many bytes from where a blob stands, or all there are; one read may return fewer."""
    stop = blob.tell() + size_bytes
    return b"".join(iter(lambda: blob.read(stop - blob.tell()), b""))


def open_blob(objects: Objects, name: str, span: Span | None) -> BinaryIO:
    """Open a blob; see `BlobReader`."""
    return cast(BinaryIO, BlobReader(objects, name, span))


class BlobReader(io.RawIOBase):
    """The bytes of one blob. `span` says which will be asked for, so that no others are sent.

    Ends early only with an error: an OSError when the bucket breaks off for good, or when the
    blob is deleted meanwhile. Raises BlobMissing at the start.
    """

    def __init__(self, objects: Objects, name: str, span: Span | None) -> None:
        super().__init__()
        self._objects, self._name, self._span = objects, name, span
        self._source: ObjectReader | None = objects.read(name, span)
        self._size_bytes = self._source.size_bytes
        # Where the next read is to begin, and where the open answer stands.
        self._at = self._source_at = 0 if span is None else span.start

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size_bytes}[whence]
        self._at = max(0, base + offset)
        return self._at

    def read(self, size_bytes: int | None = -1, /) -> bytes:
        """Return at most so many bytes, as they come; fewer do not mean the end, none do."""
        if size_bytes is None or size_bytes < 0:
            return self.readall()
        if not size_bytes or self._at >= self._size_bytes:
            return b""
        for tries_left in reversed(range(_TRIES)):
            try:
                return self._read(size_bytes)
            except OSError:
                self._let_go()
                if not tries_left:
                    raise
        raise AssertionError

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        found = self.read(len(buffer))
        buffer[: len(found)] = found
        return len(found)

    def readall(self) -> bytes:
        pieces = []
        while piece := self.read(2**20):
            pieces.append(piece)
        return b"".join(pieces)

    def close(self) -> None:
        self._let_go()
        super().close()

    def _read(self, size_bytes: int) -> bytes:
        if self._source is None or self._source_at != self._at or self._at >= self._end():
            self._open()
        assert self._source is not None
        found = self._source.read(min(size_bytes, self._end() - self._at))
        if not found:
            raise OSError("the bucket ended early")
        self._at += len(found)
        self._source_at = self._at
        return found

    def _end(self) -> int:
        return self._size_bytes if self._span is None else self._span.stop

    def _open(self) -> None:
        """Ask for the rest of the span, or of it all when more than the span is read."""
        if self.closed:
            raise OSError("the blob is closed")
        self._let_go()
        if self._span is not None and not self._span.start <= self._at < self._span.stop:
            self._span = None
        try:
            self._source = self._objects.read(self._name, Span(self._at, self._end()))
        except MinifileError as error:
            raise OSError(str(error)) from None
        self._source_at = self._at

    def _let_go(self) -> None:
        if self._source is not None:
            self._source.close()
            self._source = None
