"""SHA-256 and CRC-32 of a file while it arrives: beside its writing, once that pays.

Hashing a gigabyte takes about as long as receiving and writing it. Both let go of Python's lock,
so for a large file that comes fast a second thread hashes one chunk while the next is received
and written. A small or a slow upload is hashed where it is received: it never costs a thread.
"""

import hashlib
from queue import SimpleQueue
from threading import Thread
from types import TracebackType
from typing import Protocol

from minifile.values import Chunk

try:
    # Sixteen times as fast as zlib's.
    from isal.isal_zlib import crc32
except ImportError:  # pragma: no cover - where it has no wheel
    from zlib import crc32

# How many large chunks, the newest among them, may still be read while the next is being made.
# Whoever makes chunks in buffers that are used again has to leave that many alone; smaller ones
# have been read when `update` returns.
HELD_CHUNKS = 2
LARGE_CHUNK_BYTES = 64 * 1024
# A thread is worth its start for a file that has grown beyond this.
_BESIDE_FROM_BYTES = 4 * 2**20


class Digest(Protocol):
    """What hashlib makes."""

    def update(self, data: Chunk, /) -> None: ...

    def hexdigest(self) -> str: ...


class Checksums:
    """The checksums of one file; leaving the block ends the thread, whatever happened in it."""

    def __init__(self, digest: Digest | None = None) -> None:
        self.size_bytes = 0
        self._sha256 = digest or hashlib.sha256()
        self._crc32 = 0
        self._beside: _Beside | None = None
        self._error: BaseException | None = None

    def __enter__(self) -> "Checksums":
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self.rest()

    def rest(self) -> None:
        """End the thread until more is added. What went wrong in it is raised by what is asked."""
        if self._beside is not None:
            self._beside.end()
            self._error = self._beside.error()
            self._beside = None

    def update(self, chunk: Chunk) -> None:
        """Add a chunk. A large one must stay as it is while the next HELD_CHUNKS - 1 are added.

        Raises what went wrong with a chunk before.
        """
        self.size_bytes += len(chunk)
        if len(chunk) < LARGE_CHUNK_BYTES or self.size_bytes < _BESIDE_FROM_BYTES:
            self._settle()
            self._add(chunk)
            return
        if self._beside is None:
            self._beside = _Beside(self)
        self._beside.give(chunk)

    def sha256(self) -> str:
        """Return the SHA-256 of all that was added, in hex."""
        self._settle()
        return self._sha256.hexdigest()

    def crc32(self) -> int:
        """Return the CRC-32 of all that was added."""
        self._settle()
        return self._crc32

    def _settle(self) -> None:
        if self._error is not None:
            raise self._error
        if self._beside is not None:
            self._beside.settle()

    def _add(self, chunk: Chunk) -> None:
        self._sha256.update(chunk)
        self._crc32 = crc32(chunk, self._crc32)


class _Beside:
    """A thread that adds chunks in order, at most HELD_CHUNKS behind.

    Each place among the chunks in hand is a token: None while it is free, or the error that
    ended the thread. Whoever gives a chunk takes a token first, and the thread puts it back.
    """

    def __init__(self, sums: Checksums) -> None:
        self._sums = sums
        self._chunks: SimpleQueue[Chunk | None] = SimpleQueue()
        self._free: SimpleQueue[BaseException | None] = SimpleQueue()
        for _ in range(HELD_CHUNKS):
            self._free.put(None)
        self._thread = Thread(target=self._run, name="checksums", daemon=True)
        self._thread.start()

    def give(self, chunk: Chunk) -> None:
        """Hand a chunk over, waiting for a free place."""
        self._take()
        self._chunks.put(chunk)

    def settle(self) -> None:
        """Wait until every chunk given has been added."""
        for _ in range(HELD_CHUNKS):
            self._take()
        for _ in range(HELD_CHUNKS):
            self._free.put(None)

    def end(self) -> None:
        """End the thread, and wait for it: it holds nothing of the upload any more."""
        self._chunks.put(None)
        self._thread.join()

    def error(self) -> BaseException | None:
        """Return what ended the thread before its time; asked once it has ended."""
        try:
            self.settle()
        except BaseException as error:  # noqa: BLE001 (it is kept for who asks for a sum)
            return error
        return None

    def _take(self) -> None:
        error = self._free.get()
        if error is not None:
            # The thread is gone, and nobody may wait for it.
            self._free.put(error)
            raise error

    def _run(self) -> None:
        try:
            while (chunk := self._chunks.get()) is not None:
                self._sums._add(chunk)
                self._free.put(None)
        except BaseException as error:  # noqa: BLE001
            self._free.put(error)
