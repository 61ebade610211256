"""Writing an object of any size with little memory, while its bytes arrive."""

from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from itertools import chain
from queue import Empty, SimpleQueue

from minifile.errors import BlobMissing, StorageUnavailable, TooLarge
from minifile.storage.objects import Objects, ObjectWriter
from minifile.values import Chunk

# What an upload holds at once: the piece that is being filled and those on their way.
_MEMORY_BYTES = 32 * 2**20
# Larger ones would not fit in twice. S3 takes 10,000 of them: 156 GiB.
_MOST_PIECE_BYTES = 16 * 2**20
_MIB = 2**20


def write_object(
    objects: Objects, name: str, chunks: Iterable[Chunk], size_bytes: int | None
) -> None:
    """Write the chunks as one object, `size_bytes` at most. Nothing is left when it fails."""
    filling = _Filling(size_of_pieces(objects, size_bytes))
    pieces = filling.pieces(chunks)
    first = next(pieces)
    try:
        if len(first) < filling.piece_bytes:
            objects.put(name, first)
        else:
            _write_pieces(objects, name, chain([first], pieces), filling)
    except BlobMissing:
        raise StorageUnavailable("The storage has lost what was sent to it.") from None


def size_of_pieces(objects: Objects, size_bytes: int | None) -> int:
    """Return how large pieces are, so that there are not too many of an object of this size."""
    if size_bytes is None:
        return _MOST_PIECE_BYTES
    # A tenth is left over: what was said of the size may be less than what comes.
    least = -(-size_bytes // (objects.most_pieces * 9 // 10))
    return min(max(objects.piece_bytes, -(-least // _MIB) * _MIB), _MOST_PIECE_BYTES)


class _Filling:
    """Makes pieces of one size from chunks, in buffers that are used again once they are sent."""

    def __init__(self, piece_bytes: int) -> None:
        self.piece_bytes = piece_bytes
        self._free: SimpleQueue[bytearray] = SimpleQueue()

    def pieces(self, chunks: Iterable[Chunk]) -> Iterator[bytearray]:
        """Yield the bytes in pieces; the last one is smaller, and may be empty."""
        piece, at = bytearray(), 0
        for chunk in chunks:
            view = memoryview(chunk)
            while view:
                taken = view[: self.piece_bytes - at]
                # Beyond the end of a new buffer this makes it longer.
                piece[at : at + len(taken)] = taken
                at, view = at + len(taken), view[len(taken) :]
                if at == self.piece_bytes:
                    yield piece
                    piece, at = self._buffer(), 0
        del piece[at:]
        yield piece

    def give_back(self, piece: bytearray) -> None:
        """Take a piece that has been sent."""
        self._free.put(piece)

    def _buffer(self) -> bytearray:
        try:
            return self._free.get_nowait()
        except Empty:
            # One that grows would take an eighth more.
            return bytearray(self.piece_bytes)


def _write_pieces(
    objects: Objects, name: str, pieces: Iterable[bytearray], filling: _Filling
) -> None:
    at_once = max(1, min(objects.pieces_at_once, _MEMORY_BYTES // filling.piece_bytes - 1))
    writer = objects.begin(name)
    try:
        with ThreadPoolExecutor(at_once, thread_name_prefix="pieces") as pool:
            sending = _Sending(writer, pool, at_once, filling)
            for number, piece in enumerate(pieces, start=1):
                if number > objects.most_pieces:
                    raise TooLarge("The file is larger than the storage can take.")
                if piece:
                    sending.add(piece)
            sending.finish()
        writer.complete()
    except BaseException:
        with suppress(StorageUnavailable):
            writer.abort()
        raise


class _Sending:
    """The pieces of one object on their way."""

    def __init__(
        self, writer: ObjectWriter, pool: ThreadPoolExecutor, at_once: int, filling: _Filling
    ) -> None:
        self._writer, self._pool, self._at_once = writer, pool, at_once
        self._filling = filling
        self._running: set[Future[None]] = set()
        self._count = 0

    def add(self, piece: bytearray) -> None:
        """Send a piece, waiting until there is room. Raises what an earlier one failed with."""
        while len(self._running) >= self._at_once:
            self._collect(wait(self._running, return_when=FIRST_COMPLETED).done)
        self._count += 1
        self._running.add(self._pool.submit(self._send, self._count, piece))

    def finish(self) -> None:
        self._collect(set(self._running))

    def _send(self, number: int, piece: bytearray) -> None:
        self._writer.add(number, piece)
        self._filling.give_back(piece)

    def _collect(self, done: set[Future[None]]) -> None:
        self._running -= done
        for each in done:
            each.result()
