"""Blobs as files in one folder, in 256 folders below it.

A blob is written beside its final place as `<key>.part`, synced, renamed, and the folder
synced, in that order: a crash leaves a partial file or a blob without a row, never a row
without its bytes. Each file of a running upload is held under `flock` by its process; the
kernel drops that lock when the process dies, so a sweep can tell what a crash left behind
from what is still arriving, at once and without guessing by age.
"""

import fcntl
import io
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from minifile.codes import new_key
from minifile.errors import BlobMissing, StorageUnavailable
from minifile.storage.appending import LocalPartialBlob, appending
from minifile.storage.files import (
    PART,
    begin_write_back,
    make_folder,
    no_space_is_refused,
    sync_folder,
    write_all,
)
from minifile.values import Chunk, Span, StoredBlob

_FOLDER = re.compile("[0-9a-f]{2}")
_BLOB = re.compile(r"[0-9a-f]{32}(\.part)?")
# So much is written before the kernel is asked to begin with its write-back.
_WRITE_BACK_BYTES = 8 * 2**20
_PROBE = b"minifile"


def relative_path(key: str) -> str:
    """Return where a blob lies below the root. Keys are ours: two hex digits name the folder."""
    return f"{key[:2]}/{key}"


class LocalStorage:
    """The storage in a folder of this machine.

    `sync=False` leaves out every fsync. It is for measuring what they cost, and no setting.
    """

    has_files = True

    def __init__(self, root: str | Path, *, sync: bool = True) -> None:
        self.root = Path(root).expanduser().absolute()
        self.sync = sync

    @contextmanager
    def batch(self) -> Iterator["LocalBatch"]:
        batch = LocalBatch(self)
        try:
            yield batch
        finally:
            try:
                batch.discard()
            finally:
                batch.release()

    @contextmanager
    def appending(self, key: str, *, begins: bool) -> Iterator[LocalPartialBlob]:
        with appending(self.path(key), begins=begins, sync=self.sync) as blob:
            yield blob

    def open(self, key: str, span: Span | None = None) -> BinaryIO:  # noqa: ARG002 (any is there)
        try:
            # Without a buffer of its own: it is sent by `sendfile`, or read in large pieces.
            return io.FileIO(f"{self.root}/{relative_path(key)}")
        except FileNotFoundError:
            raise BlobMissing(f"the blob {key} is missing") from None

    def size(self, key: str) -> int:
        try:
            return self.path(key).stat().st_size
        except FileNotFoundError:
            raise BlobMissing(f"the blob {key} is missing") from None

    def delete(self, key: str) -> None:
        path = self.path(key)
        path.unlink(missing_ok=True)
        with _held(path.with_name(key + PART)) as part:
            if part is not None:
                part.unlink(missing_ok=True)

    def blobs(self) -> Iterator[StoredBlob]:
        if not self.root.is_dir():
            return
        for folder in os.scandir(self.root):
            # A volume of its own has a lost+found, which only root may read.
            if _FOLDER.fullmatch(folder.name) and folder.is_dir(follow_symlinks=False):
                for entry in os.scandir(folder.path):
                    with suppress(FileNotFoundError):
                        if _BLOB.fullmatch(entry.name):
                            yield _stored(entry)

    def sweep_unfinished(self) -> int:
        return 0

    def is_being_written(self, key: str) -> bool:
        path = self.path(key)
        # In the order of an upload: it may rename its file between the two looks.
        for candidate in (path.with_name(key + PART), path):
            with _held(candidate) as mine:
                if mine is None and candidate.exists():
                    return True
        return False

    def signed_url(self, key: str, **_headers: object) -> None:  # noqa: ARG002 (asked by name)
        return None

    def free_bytes(self) -> int | None:
        try:
            found = os.statvfs(self.root)
        except FileNotFoundError:
            self.root.mkdir(parents=True, exist_ok=True)
            found = os.statvfs(self.root)
        return found.f_bavail * found.f_frsize

    def check(self) -> None:
        probe = self.root / f".check-{os.getpid()}-{os.urandom(4).hex()}"
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            probe.write_bytes(_PROBE)
            found = probe.read_bytes()
            probe.unlink()
        except OSError as error:
            with suppress(OSError):
                probe.unlink()
            raise StorageUnavailable(f"Uploads can't be written: {error.strerror}.") from None
        if found != _PROBE:
            raise StorageUnavailable("The storage does not give back what was just written to it.")

    def path(self, key: str) -> Path:
        """Return where a blob lies."""
        return self.root / relative_path(key)


class LocalBatch:
    """The blobs of one upload, held under a lock until it ends."""

    def __init__(self, storage: LocalStorage) -> None:
        self._storage = storage
        self._keys: list[str] = []
        self._descriptors: list[int] = []

    def new_key(self) -> str:
        return new_key()

    def put(
        self,
        key: str,
        chunks: Iterable[Chunk],
        *,
        size_bytes: int | None = None,  # noqa: ARG002 (a file grows by itself)
    ) -> None:
        path = self._storage.path(key)
        part = path.with_name(key + PART)
        try:
            with no_space_is_refused():
                make_folder(path.parent)
                descriptor = _create_held(part)
                self._keys.append(key)
                self._descriptors.append(descriptor)
                _write_chunks(descriptor, chunks, sync=self._storage.sync)
                part.rename(path)
                if self._storage.sync:
                    sync_folder(path.parent)
        except BaseException:
            part.unlink(missing_ok=True)
            raise

    def keep(self) -> None:
        """Let go of the names; the locks stay until the batch ends."""
        self._keys.clear()

    def discard(self) -> None:
        for key in self._keys:
            self._storage.delete(key)

    def release(self) -> None:
        for descriptor in self._descriptors:
            os.close(descriptor)
        self._descriptors.clear()


def _stored(entry: os.DirEntry[str]) -> StoredBlob:
    stat = entry.stat(follow_symlinks=False)
    return StoredBlob(
        key=entry.name.removesuffix(PART),
        size_bytes=stat.st_size,
        modified_at=datetime.fromtimestamp(stat.st_mtime, UTC),
        partial=entry.name.endswith(PART),
    )


def _create_held(path: Path) -> int:
    """Create a file and hold it; a sweep that came between the two has unlinked it: again."""
    while True:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:
            return descriptor
        os.close(descriptor)


@contextmanager
def _held(path: Path) -> Iterator[Path | None]:
    """Hold a file that no live upload holds; yield None when one does or there is no file."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        yield None
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        yield None
    else:
        yield path
    finally:
        os.close(descriptor)


def _write_chunks(descriptor: int, chunks: Iterable[Chunk], *, sync: bool) -> None:
    """Write the chunks, to stable storage when `sync`.

    The kernel is asked early to write back what it holds, while the next bytes are still
    arriving; the one fsync at the end then finds little left to wait for.
    """
    written = begun = 0
    for chunk in chunks:
        write_all(descriptor, chunk)
        written += len(chunk)
        if sync and written - begun >= _WRITE_BACK_BYTES:
            begin_write_back(descriptor, begun, written - begun)
            begun = written
    if sync:
        os.fsync(descriptor)
