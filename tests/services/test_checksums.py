"""SHA-256 and CRC-32 of a file while it arrives."""

import hashlib
import threading
import zlib
from collections.abc import Iterator

import pytest

from minifile.services.checksums import HELD_CHUNKS, Checksums
from minifile.values import Chunk

MIB = 2**20
CONTENT = bytes(range(256)) * (12 * MIB // 256 + 1)


class SlowDigest:
    """SHA-256 that takes its time with each chunk, so that whoever gives them runs ahead."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()

    def update(self, data: Chunk, /) -> None:
        for _ in range(20):
            hashlib.sha256(data)
        self._digest.update(data)

    def hexdigest(self) -> str:
        return self._digest.hexdigest()


def cut(content: bytes, *steps: int) -> Iterator[bytes]:
    """Cut into pieces of these sizes, again and again."""
    at = 0
    while at < len(content):
        for step in steps:
            yield content[at : at + step]
            at += step


def hashing_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "checksums"]


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param([len(CONTENT)], id="at once"),
        pytest.param([256 * 1024], id="large"),
        pytest.param([65_536, 1], id="large and tiny in turn"),
        pytest.param([65_535, 65_537], id="just small and just large in turn"),
        pytest.param([10_007], id="small"),
        pytest.param([3 * MIB, 7, 100_000, 0, 65_536], id="anything"),
    ],
)
def test_the_checksums_do_not_depend_on_how_a_file_is_cut(steps: list[int]):
    with Checksums() as sums:
        for piece in cut(CONTENT, *steps):
            sums.update(piece)

        assert sums.size_bytes == len(CONTENT)
        assert sums.sha256() == hashlib.sha256(CONTENT).hexdigest()
        assert sums.crc32() == zlib.crc32(CONTENT)


def test_an_empty_file_has_checksums_too():
    with Checksums() as sums:
        assert (sums.size_bytes, sums.crc32()) == (0, 0)
        assert sums.sha256() == hashlib.sha256().hexdigest()


def test_a_buffer_may_be_used_again_after_as_many_chunks_as_are_held():
    buffers = [bytearray(65_536) for _ in range(HELD_CHUNKS + 1)]
    with Checksums(SlowDigest()) as sums:
        for number, piece in enumerate(cut(CONTENT, 65_536)):
            buffer = buffers[number % len(buffers)]
            buffer[: len(piece)] = piece
            sums.update(memoryview(buffer)[: len(piece)])

        assert sums.sha256() == hashlib.sha256(CONTENT).hexdigest()


def test_a_file_that_was_read_in_the_middle_can_go_on():
    with Checksums() as sums:
        for piece in cut(CONTENT, 256 * 1024):
            sums.update(piece)
            sums.crc32()

        assert sums.sha256() == hashlib.sha256(CONTENT).hexdigest()


@pytest.mark.parametrize(
    ("size_bytes", "step", "threads"),
    [
        pytest.param(3 * MIB, 256 * 1024, 0, id="small"),
        pytest.param(12 * MIB, 16 * 1024, 0, id="large but slow"),
        pytest.param(12 * MIB, 256 * 1024, 1, id="large and fast"),
    ],
)
def test_only_a_large_file_that_comes_fast_has_a_thread(size_bytes: int, step: int, threads: int):
    with Checksums() as sums:
        for piece in cut(CONTENT[:size_bytes], step):
            sums.update(piece)

        assert len(hashing_threads()) == threads
    assert hashing_threads() == []


def test_the_thread_ends_when_the_client_vanishes():
    def vanish() -> None:
        with Checksums(SlowDigest()) as sums:
            for piece in cut(CONTENT[: 6 * MIB], 65_536):
                sums.update(piece)
            raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        vanish()
    assert hashing_threads() == []


def test_an_error_in_the_thread_is_raised_where_chunks_are_given():
    def give_text() -> None:
        with Checksums() as sums:
            sums.update(bytes(5 * MIB))
            for _ in range(HELD_CHUNKS + 1):
                sums.update("no bytes" * 10_000)  # type: ignore[arg-type]

    with pytest.raises(TypeError):
        give_text()
    assert hashing_threads() == []


def test_an_error_in_the_thread_is_raised_by_whoever_asks_for_the_checksums():
    with Checksums() as sums:
        sums.update(bytes(5 * MIB))
        sums.update("no bytes" * 10_000)  # type: ignore[arg-type]

        for ask in (sums.sha256, sums.crc32):
            with pytest.raises(TypeError):
                ask()
    assert hashing_threads() == []
