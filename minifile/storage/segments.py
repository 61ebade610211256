"""Partial blobs in a bucket: what has arrived lies in segments, objects that never change.

A segment is called `<key>.part/<first byte>-<fence>`. The fence is that of the lock it was
written under, and grows with each holder: of two segments that begin at one byte, that of the
later holder counts (unless it runs into what a still later one has written), and behind it no
earlier holder's does. So whoever lost the lock without noticing can write what they like, and
deletes nothing. At the end the bucket joins the segments into the blob.

That something is not listed or not found is never taken for a loss: a listing may lag behind.
"""

import logging
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from itertools import takewhile
from time import sleep
from typing import NamedTuple

from minifile.errors import BlobHeld, BlobMissing, StorageUnavailable, TooLarge
from minifile.storage.locks import Hold
from minifile.storage.objects import Content, Objects, StoredObject
from minifile.storage.reading import open_blob, read_up_to
from minifile.values import Chunk, Span

log = logging.getLogger("minifile")

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
def opened(objects: Objects, key: str, hold: Hold, *, begins: bool) -> Iterator["Segments"]:
    """Go on with a partial blob, under a lock; see `Storage.appending`."""
    # Its one thread is started by the first segment that is sent.
    with ThreadPoolExecutor(1, thread_name_prefix="segments") as pool:
        blob = Segments(objects, key, hold, pool)
        if not (begins or blob.is_finished or blob.size_bytes):
            raise _not_found(key)
        try:
            yield blob
        finally:
            blob.sync()


def _not_found(key: str) -> StorageUnavailable:
    log.warning("not all of the partial blob %s is found; perhaps it is later", key)
    return StorageUnavailable("The storage does not find what has arrived. Try again in a moment.")


class Segments:
    """See `minifile.storage.PartialBlob`.

    A bucket joins only what has a certain size, but for the last. So small segments lie at the
    end only: what follows them takes them up.
    """

    def __init__(self, objects: Objects, key: str, hold: Hold, pool: ThreadPoolExecutor) -> None:
        self._objects, self._key, self._hold, self._pool = objects, key, hold, pool
        self._tail = bytearray()
        self._sending: Future[None] | None = None
        self._listed: list[StoredObject] = []
        self._chain: list[Segment] = []
        self.size_bytes = 0
        self.is_finished = False
        self._look()
        # A clock that was set back, or a database from a backup, may draw old numbers again.
        self._fence = max(hold.fence, _last_fence(self._listed) + 1)

    def cut_to(self, offset: int) -> None:
        for _ in range(_LOOKS - 1):
            if self.size_bytes >= offset or self.is_finished:
                break
            sleep(_PAUSE_SECONDS)
            self._look()
        if self.is_finished and self.size_bytes != offset:
            raise BlobMissing(f"the blob {self._key} is finished, and does not end at {offset}")
        if self.size_bytes < offset:
            raise _not_found(self._key)
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
        self._chain = chain_of(self._listed)
        self.size_bytes, self.is_finished = _end_of(self._chain), False
        if not self._chain or any(entry.name == self._key for entry in self._listed):
            # Nothing has come, or it is whole: that is asked of the blob itself.
            with suppress(BlobMissing):
                self.size_bytes, self.is_finished = self._objects.size(self._key), True

    def _cut(self, offset: int) -> None:
        """Keep what lies before a byte. All else goes, so that nobody ever takes it for theirs."""
        kept = [segment for segment in self._chain if segment.start < offset]
        if kept and kept[-1].stop > offset:
            last = kept.pop()
            kept.append(self._put(last.start, self._read(last.name, offset - last.start)))
        names = {segment.name for segment in kept}
        others = [entry.name for entry in self._listed if entry.name not in names]
        if others and not self._hold.is_unbroken():
            raise BlobHeld("Another request may hold these bytes by now.")
        self._delete(others)
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
        if small and self._hold.is_unbroken():
            self._delete(segment.name for segment in small if segment.name != merged.name)

    def _small_ones(self) -> list[Segment]:
        least = self._objects.least_joined_bytes
        found = list(takewhile(lambda each: each.size_bytes < least, reversed(self._chain)))
        return found[::-1]

    def _join(self) -> None:
        small = self._small_ones()
        if len(small) > 1:
            self._merge(small)
        if self._chain:
            try:
                self._objects.join(self._key, [segment.name for segment in self._chain])
            except BlobMissing:
                raise _not_found(self._key) from None
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
        except BlobMissing:
            raise _not_found(self._key) from None
        except OSError as error:
            raise StorageUnavailable("The storage broke off. Try again in a moment.") from error

    def _delete_segments(self) -> None:
        self._delete([entry.name for entry in self._objects.list(folder_of(self._key))])

    def _delete(self, names: Iterable[str]) -> None:
        for name in names:
            self._objects.delete(name)


def chain_of(entries: Sequence[StoredObject]) -> list[Segment]:
    """Return the segments that count, from byte 0 on without a gap."""
    found = sorted(_segments_among(entries))
    last_at = {segment.start: segment for segment in found if not _runs_into(segment, found)}
    chain: list[Segment] = []
    while (follower := last_at.get(_end_of(chain))) is not None:
        if chain and follower.fence < chain[-1].fence:
            break
        chain.append(follower)
    return chain


def _segments_among(entries: Sequence[StoredObject]) -> list[Segment]:
    return [
        Segment(int(match["start"]), int(match["fence"]), entry.size_bytes, entry.name)
        for entry in entries
        if entry.size_bytes and (match := _NAME.fullmatch(entry.name))
    ]


def _runs_into(segment: Segment, found: Sequence[Segment]) -> bool:
    """Say whether a later holder has gone on at a byte in the middle of a segment.

    So what lies before that byte was another's, and this was written by who had lost the lock.
    """
    after = bisect_right(found, segment.start, key=lambda each: each.start)
    until = bisect_left(found, segment.stop, key=lambda each: each.start)
    return any(other.fence > segment.fence for other in found[after:until])


def _last_fence(entries: Sequence[StoredObject]) -> int:
    return max((segment.fence for segment in _segments_among(entries)), default=0)


def _end_of(chain: Sequence[Segment]) -> int:
    return chain[-1].stop if chain else 0
