"""A bucket in memory: the smallest thing that keeps the promise of `Objects`."""

import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from minifile.errors import BlobMissing
from minifile.storage.objects import Content, StoredObject, Unfinished
from minifile.values import Span


class MemoryObjects:
    """See `minifile.storage.objects.Objects`; pieces are small, so that few bytes make many."""

    piece_bytes = 2**20
    most_pieces = 10_000
    pieces_at_once = 3
    least_joined_bytes = 1000

    def __init__(self) -> None:
        self.found: dict[str, tuple[bytes, datetime]] = {}
        self.begun: dict[str, MemoryWriter] = {}
        self.lock = threading.Lock()

    def put(self, name: str, content: Content) -> None:
        with self.lock:
            self.found[name] = bytes(content), datetime.now(UTC)

    def begin(self, name: str) -> "MemoryWriter":
        writer = MemoryWriter(self, name)
        self.begun[writer.upload_id] = writer
        return writer

    def read(self, name: str, span: Span | None) -> "MemoryReader":
        content = self._content(name)
        span = span or Span(0, len(content))
        return MemoryReader(content[span.start : span.stop], len(content))

    def size(self, name: str) -> int:
        return len(self._content(name))

    def list(self, prefix: str) -> Iterator[StoredObject]:
        with self.lock:
            found = sorted(self.found.items())
        for name, (content, modified_at) in found:
            if name.startswith(prefix):
                yield StoredObject(name, len(content), modified_at)

    def delete(self, name: str) -> None:
        with self.lock:
            self.found.pop(name, None)

    def join(self, name: str, sources: Sequence[str]) -> None:
        contents = [self._content(source) for source in sources]
        assert all(len(content) >= self.least_joined_bytes for content in contents[:-1])
        self.put(name, b"".join(contents))

    def unfinished(self) -> Iterator[Unfinished]:
        for upload_id, writer in list(self.begun.items()):
            yield Unfinished(writer.name, upload_id)

    def abort(self, unfinished: Unfinished) -> None:
        self.begun.pop(unfinished.upload_id, None)

    def signed_url(
        self, name: str, *, disposition: str, content_type: str, lifetime: timedelta
    ) -> str:
        return f"memory:{name}"

    def _content(self, name: str) -> bytes:
        with self.lock:
            if name not in self.found:
                raise BlobMissing(f"the object {name} is missing")
            return self.found[name][0]


class MemoryWriter:
    """See `minifile.storage.objects.ObjectWriter`."""

    def __init__(self, objects: MemoryObjects, name: str) -> None:
        self.name = name
        self.upload_id = f"{id(self)}"
        self._objects = objects
        self._pieces: dict[int, bytes] = {}

    def add(self, number: int, piece: Content) -> None:
        self._pieces[number] = bytes(piece)

    def complete(self) -> None:
        self._objects.put(self.name, b"".join(self._pieces[n] for n in sorted(self._pieces)))
        self.abort()

    def abort(self) -> None:
        self._objects.begun.pop(self.upload_id, None)


class MemoryReader:
    """See `minifile.storage.objects.ObjectReader`."""

    def __init__(self, content: bytes, size_bytes: int) -> None:
        self.size_bytes = size_bytes
        self._content = content

    def read(self, size_bytes: int) -> bytes:
        found, self._content = self._content[:size_bytes], self._content[size_bytes:]
        return found

    def close(self) -> None:
        self._content = b""
