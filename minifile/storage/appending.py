"""Partial blobs in a folder: files that are appended to by one request after another.

They lie where an upload in one go keeps its bytes, as `<key>.part`, and are held under the same
kind of lock. The kernel drops it with its process, so nobody waits for the dead.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from minifile.errors import BlobHeld, BlobMissing
from minifile.storage.files import (
    PART,
    begin_write_back,
    make_folder,
    no_space_is_refused,
    sync_folder,
    write_all,
)
from minifile.values import Chunk

# So much is written before the kernel is asked to begin with its write-back.
_WRITE_BACK_BYTES = 8 * 2**20


class LocalPartialBlob:
    """See `minifile.storage.PartialBlob`."""

    def __init__(self, descriptor: int, path: Path, *, is_finished: bool, sync: bool) -> None:
        self.size_bytes = os.fstat(descriptor).st_size
        self._descriptor = descriptor
        self._path = path
        self._is_finished = is_finished
        self._syncs = sync
        self._begun = self.size_bytes
        self._is_entered = self.size_bytes > 0

    def cut_to(self, offset: int) -> None:
        if self.size_bytes < offset or (self._is_finished and self.size_bytes != offset):
            raise BlobMissing(f"the partial blob {self._path.name} does not reach to byte {offset}")
        if self.size_bytes > offset:
            os.ftruncate(self._descriptor, offset)
            self.size_bytes = self._begun = offset

    def write(self, chunk: Chunk) -> None:
        with no_space_is_refused():
            write_all(self._descriptor, chunk)
        self.size_bytes += len(chunk)
        if self._syncs and self.size_bytes - self._begun >= _WRITE_BACK_BYTES:
            begin_write_back(self._descriptor, self._begun, self.size_bytes - self._begun)
            self._begun = self.size_bytes

    def head(self, size_bytes: int) -> bytes:
        return os.pread(self._descriptor, size_bytes, 0)

    def sync(self) -> None:
        if not self._syncs:
            return
        with no_space_is_refused():
            os.fsync(self._descriptor)
            if not self._is_entered:
                # The file may be new: without its entry in the folder the bytes would be lost.
                sync_folder(self._path.parent)
                self._is_entered = True

    def discard(self) -> None:
        path = self._path if self._is_finished else self._path.with_name(self._path.name + PART)
        path.unlink(missing_ok=True)

    def finish(self) -> None:
        self.sync()
        if not self._is_finished:
            self._path.with_name(self._path.name + PART).rename(self._path)
            self._is_finished = True
        if self._syncs:
            # Also when it was renamed before: a crash may have come between the two.
            sync_folder(self._path.parent)


@contextmanager
def appending(path: Path, *, begins: bool, sync: bool) -> Iterator[LocalPartialBlob]:
    """Hold the partial file of the blob at `path`; see `Storage.appending`."""
    part = path.with_name(path.name + PART)
    with no_space_is_refused():
        if begins:
            make_folder(path.parent)
        held = _hold(part, create=begins and not path.exists())
        is_finished = held is None
        if held is None:
            held = _hold(path, create=False)
    if held is None:
        raise BlobMissing(f"the partial blob {path.name} is missing")
    try:
        yield LocalPartialBlob(held, path, is_finished=is_finished, sync=sync)
    finally:
        if not is_finished and os.fstat(held).st_size == 0:
            # Nothing has come: it is begun anew as well without a file.
            _remove_unless_finished(part, held)
        os.close(held)


def _hold(path: Path, *, create: bool) -> int | None:
    """Open and hold a file; None where there is none. Raises BlobHeld."""
    flags = os.O_RDWR | os.O_CLOEXEC | os.O_APPEND | (os.O_CREAT if create else 0)
    while True:
        try:
            descriptor = os.open(path, flags, 0o600)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise BlobHeld("Another request holds these bytes.") from None
        if _is_at(path, descriptor):
            return descriptor
        # It was renamed or deleted between the two.
        os.close(descriptor)


def _is_at(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _remove_unless_finished(part: Path, descriptor: int) -> None:
    if _is_at(part, descriptor):
        part.unlink()
