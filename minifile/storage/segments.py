"""Partial blobs in a bucket: what has arrived lies in segments, objects that never change.

A segment is called `<key>.part/<first byte>-<fence>`. The fence is that of the lock it was
written under, and grows with each holder: of two segments that begin at one byte, that of the
later holder counts, and behind it no earlier holder's does. So whoever lost the lock without
noticing can write what they like. At the end the bucket joins the segments into the blob.
"""

import re
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from itertools import takewhile
from time import sleep
from typing import NamedTuple

from minifile.errors import BlobMissing, StorageUnavailable, TooLarge
from minifile.storage.objects import Content, Objects, StoredObject
from minifile.storage.reading import open_blob, read_up_to
from minifile.values import Chunk, Span

# 10,000 of them, which is what S3 joins, are 156 GiB. Two are in memory at once.
SEGMENT_BYTES = 16 * 2**20
# So many that are too small to be joined may lie at the end before they are made one.
_MOST_SMALL = 32
_NAME = re.compile(r"[0-9a-f]{32}\.part/(?P<start>[0-9]{14})-(?P<fence>[0-9]{20})")
# A listing may lag behind for a moment where a bucket is kept by several machines.
_LOOKS = 3
_PAUSE_SECONDS = 0.3


class Segment(NamedTuple):
    """One object of a partial blob. In this order the one that counts comes last."""

    start: int
    fence: int
    size_bytes: int
    name: str

    @property
    def stop(self) -> int:
        return self.start + self.size_bytes


def folder_of(key: str) -> str:
    """Return how the names of a blob's segments begin."""
    return f"{key}.part/"


@contextmanager
def opened(objects: Objects, key: str, *, fence: int, begins: bool) -> Iterator["Segments"]:
    """Go on with a partial blob, under a lock; see `Storage.appending`."""
    # Its one thread is started by the first segment that is sent.
    with ThreadPoolExecutor(1, thread_name_prefix="segments") as pool:
        blob = Segments(objects, key, fence, pool)
        if not (begins or blob.is_finished or blob.size_bytes):
            raise BlobMissing(f"the partial blob {key} is missing")
        try:
            yield blob
        finally:
            blob.sync()


class Segments:
    """See `minifile.storage.PartialBlob`.

    A bucket joins only what has a certain size, but for the last. So small segments lie at the
    end only: what follows them takes them up.
    """

    def __init__(self, objects: Objects, key: str, fence: int, pool: ThreadPoolExecutor) -> None:
        self._objects, self._key, self._fence, self._pool = objects, key, fence, pool
        self._tail = bytearray()
        self._sending: Future[None] | None = None
        self._listed: list[StoredObject] = []
        self._chain: list[Segment] = []
        self.size_bytes = 0
        self.is_finished = False
        self._look()

    def cut_to(self, offset: int) -> None:
        for _ in range(_LOOKS - 1):
            if self.size_bytes >= offset or self.is_finished:
                break
            sleep(_PAUSE_SECONDS)
            self._look()
        if self.size_bytes < offset or (self.is_finished and self.size_bytes != offset):
            raise BlobMissing(f"the partial blob {self._key} does not reach to byte {offset}")
        if not self.is_finished:
            self._cut(offset)

    def write(self, chunk: Chunk) -> None:
        view = memoryview(chunk)
        while view:
            missing = SEGMENT_BYTES - len(self._tail)
            self._tail += view[:missing]
            self.size_bytes += len(view[:missing])
            view = view[missing:]
            if len(self._tail) == SEGMENT_BYTES:
                self._send_tail()

    def head(self, size_bytes: int) -> bytes:
        self._settle()
        if self.is_finished:
            return self._read(self._key, min(size_bytes, self.size_bytes))
        head = b""
        for segment in self._chain:
            if len(head) < size_bytes:
                head += self._read(segment.name, min(segment.size_bytes, size_bytes - len(head)))
        return head + bytes(self._tail[: size_bytes - len(head)])

    def sync(self) -> None:
        self._send_tail()
        self._settle()

    def discard(self) -> None:
        self._tail.clear()
        with suppress(StorageUnavailable):
            self._settle()
        self._sending = None
        self._objects.delete(self._key)
        self._delete_segments()

    def finish(self) -> None:
        self.sync()
        if not self.is_finished:
            self._join()
            if self._objects.size(self._key) != self.size_bytes:
                raise StorageUnavailable("The storage has joined the upload wrongly.")
            self.is_finished = True
        self._delete_segments()

    def _look(self) -> None:
        self._listed = list(self._objects.list(self._key))
        whole = [entry for entry in self._listed if entry.name == self._key]
        self.is_finished = bool(whole)
        self._chain = chain_of(self._listed)
        self.size_bytes = whole[0].size_bytes if whole else _end_of(self._chain)

    def _cut(self, offset: int) -> None:
        """Keep what lies before a byte. All else goes, so that nobody ever takes it for theirs."""
        kept = [segment for segment in self._chain if segment.start < offset]
        if kept and kept[-1].stop > offset:
            last = kept.pop()
            kept.append(self._put(last.start, self._read(last.name, offset - last.start)))
        names = {segment.name for segment in kept}
        for entry in self._listed:
            if entry.name not in names:
                self._objects.delete(entry.name)
        self._chain, self.size_bytes = kept, offset

    def _send_tail(self) -> None:
        """Send what has gathered, once what was sent before has arrived."""
        self._settle()
        if self._tail:
            content, self._tail = self._tail, bytearray()
            self._sending = self._pool.submit(self._append, content)

    def _append(self, content: Content) -> None:
        """Add a segment, which takes up the small ones before it if they can be large together."""
        if len(self._chain) >= self._objects.most_pieces:
            raise TooLarge("The file is larger than the storage can take in such parts.")
        small = self._small_ones()
        size_bytes = sum(segment.size_bytes for segment in small) + len(content)
        if size_bytes >= self._objects.least_joined_bytes or len(small) >= _MOST_SMALL:
            self._merge(small, content)
        else:
            self._chain.append(self._put(_end_of(self._chain), content))

    def _merge(self, small: Sequence[Segment], content: Content = b"") -> None:
        start = small[0].start if small else _end_of(self._chain)
        for segment in reversed(small):
            content = self._read(segment.name, segment.size_bytes) + content
        merged = self._put(start, content)
        self._chain[len(self._chain) - len(small) :] = [merged]
        for segment in small:
            if segment.name != merged.name:
                self._objects.delete(segment.name)

    def _small_ones(self) -> list[Segment]:
        least = self._objects.least_joined_bytes
        found = list(takewhile(lambda each: each.size_bytes < least, reversed(self._chain)))
        return found[::-1]

    def _join(self) -> None:
        small = self._small_ones()
        if len(small) > 1:
            self._merge(small)
        if self._chain:
            self._objects.join(self._key, [segment.name for segment in self._chain])
        else:
            self._objects.put(self._key, b"")

    def _put(self, start: int, content: Content) -> Segment:
        name = f"{folder_of(self._key)}{start:014}-{self._fence:020}"
        self._objects.put(name, content)
        return Segment(start, self._fence, len(content), name)

    def _settle(self) -> None:
        """Wait for what is on its way. Raises what it failed with, and goes on doing so."""
        if self._sending is not None:
            self._sending.result()
            self._sending = None

    def _read(self, name: str, size_bytes: int) -> bytes:
        """Read the beginning of an object."""
        try:
            with open_blob(self._objects, name, Span(0, size_bytes)) as blob:
                return read_up_to(blob, size_bytes)
        except OSError as error:
            raise StorageUnavailable("The storage broke off.") from error

    def _delete_segments(self) -> None:
        for entry in list(self._objects.list(folder_of(self._key))):
            self._objects.delete(entry.name)


def chain_of(entries: Sequence[StoredObject]) -> list[Segment]:
    """Return the segments that count, from byte 0 on without a gap."""
    found = [
        Segment(int(match["start"]), int(match["fence"]), entry.size_bytes, entry.name)
        for entry in entries
        if entry.size_bytes and (match := _NAME.fullmatch(entry.name))
    ]
    last_at = {segment.start: segment for segment in sorted(found)}
    chain: list[Segment] = []
    while (follower := last_at.get(_end_of(chain))) is not None:
        if chain and follower.fence < chain[-1].fence:
            break
        chain.append(follower)
    return chain


def _end_of(chain: Sequence[Segment]) -> int:
    return chain[-1].stop if chain else 0
