"""Writing an object of any size with little memory, while its bytes arrive."""

from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress

from minifile.errors import BlobMissing, StorageUnavailable
from minifile.storage.objects import Objects, ObjectWriter
from minifile.values import Chunk

# What an upload holds at once: the piece that is being filled and those on their way.
_MEMORY_BYTES = 32 * 2**20
# Pieces of an object of unknown size; 10,000 of them are 156 GiB.
_UNKNOWN_PIECE_BYTES = 16 * 2**20
_MIB = 2**20


def write_object(
    objects: Objects, name: str, chunks: Iterable[Chunk], size_bytes: int | None
) -> None:
    """Write the chunks as one object, `size_bytes` at most. Nothing is left when it fails."""
    piece_bytes = size_of_pieces(objects, size_bytes)
    pieces = _pieces(chunks, piece_bytes)
    first = next(pieces)
    try:
        if len(first) < piece_bytes:
            objects.put(name, first)
        else:
            _write_pieces(objects, name, first, pieces, piece_bytes)
    except BlobMissing:
        raise StorageUnavailable("The storage has lost what was sent to it.") from None


def size_of_pieces(objects: Objects, size_bytes: int | None) -> int:
    """Return how large pieces must be for an object of at most this size."""
    if size_bytes is None:
        return max(objects.piece_bytes, _UNKNOWN_PIECE_BYTES)
    least = -(-size_bytes // (objects.most_pieces * 9 // 10))
    return max(objects.piece_bytes, -(-least // _MIB) * _MIB)


def _pieces(chunks: Iterable[Chunk], piece_bytes: int) -> Iterator[bytearray]:
    """Yield the bytes in pieces of one size; the last one is smaller, and may be empty."""
    piece = bytearray()
    for chunk in chunks:
        view = memoryview(chunk)
        while view:
            missing = piece_bytes - len(piece)
            piece += view[:missing]
            view = view[missing:]
            if len(piece) == piece_bytes:
                yield piece
                piece = bytearray()
    yield piece


def _write_pieces(
    objects: Objects,
    name: str,
    first: bytearray,
    others: Iterator[bytearray],
    piece_bytes: int,
) -> None:
    at_once = max(1, min(objects.pieces_at_once, _MEMORY_BYTES // piece_bytes - 1))
    writer = objects.begin(name)
    try:
        with ThreadPoolExecutor(at_once, thread_name_prefix="pieces") as pool:
            sending = _Sending(writer, pool, at_once)
            sending.add(first)
            for piece in others:
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

    def __init__(self, writer: ObjectWriter, pool: ThreadPoolExecutor, at_once: int) -> None:
        self._writer, self._pool, self._at_once = writer, pool, at_once
        self._running: set[Future[None]] = set()
        self._count = 0

    def add(self, piece: bytearray) -> None:
        """Send a piece, waiting until there is room. Raises what an earlier one failed with."""
        while len(self._running) >= self._at_once:
            self._collect(wait(self._running, return_when=FIRST_COMPLETED).done)
        self._count += 1
        self._running.add(self._pool.submit(self._writer.add, self._count, piece))

    def finish(self) -> None:
        self._collect(set(self._running))

    def _collect(self, done: set[Future[None]]) -> None:
        self._running -= done
        for each in done:
            each.result()
