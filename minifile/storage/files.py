"""How files are written: whole, durable, and with one error where there is no space."""

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from minifile.errors import StorageFull
from minifile.values import Chunk

PART = ".part"
_NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextmanager
def no_space_is_refused() -> Iterator[None]:
    """Raise StorageFull where the system says in one of its ways that there is no space."""
    try:
        yield
    except OSError as error:
        if error.errno in _NO_SPACE:
            raise StorageFull("There is no space left for this upload.") from error
        raise


def begin_write_back(descriptor: int, start: int, size_bytes: int) -> None:
    """Begin to write a range back. That it need not be cached is the advice that does so; what
    is still being written stays cached all the same.
    """
    if sys.platform == "linux":
        # It is advice; whether it was taken does not matter.
        with suppress(OSError):
            os.posix_fadvise(descriptor, start, size_bytes, os.POSIX_FADV_DONTNEED)


def write_all(descriptor: int, chunk: Chunk) -> None:
    view = memoryview(chunk)
    while view:
        view = view[os.write(descriptor, view) :]


def make_folder(folder: Path) -> None:
    """Make a folder and the ones above it, each durable before a blob relies on it."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
