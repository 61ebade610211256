"""Who is writing which blobs, over all processes that share a storage.

A lock that is kept elsewhere can be lost while its holder goes on. A partial blob bears that by
the fence: what is written under an older one never counts. An upload in one go asks at its end
whether the hold is unbroken, and is refused if not.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from minifile.errors import BlobHeld

_TRIES = 5
_PAUSE_SECONDS = 0.001


class Hold(Protocol):
    """A name that is held."""

    @property
    def fence(self) -> int:
        """A number larger than that of every earlier hold of the name (a fencing token)."""

    def is_unbroken(self) -> bool:
        """Say whether nobody else can have held the name since it was taken.

        Whoever keeps the locks is asked. A hold that was lost is taken again, if nobody has it; it
        stays broken all the same.
        """


class Locks(Protocol):
    """Names that one writer at a time may hold: 16 hexadecimal digits."""

    def hold(self, name: str) -> AbstractContextManager[Hold]:
        """Hold a name until the block ends, or the process does: then nobody holds it, at once.

        Raises BlobHeld while another holds it, be it in this process or elsewhere, and
        StorageUnavailable when who keeps the locks can't be reached.
        """

    def is_held(self, name: str) -> bool:
        """Say whether anybody holds a name. Raises StorageUnavailable."""


@dataclass(frozen=True, slots=True)
class FileHold:
    """A lock of the kernel, which is never lost before its process is."""

    fence: int

    def is_unbroken(self) -> bool:
        return True


class FileLocks:
    """Locks for the processes of one machine: files in a folder, held under `flock`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def hold(self, name: str) -> Iterator[FileHold]:
        descriptor = self._take(name)
        try:
            # One machine's clock, and nobody else can come in between.
            yield FileHold(time.time_ns())
        finally:
            self._path(name).unlink(missing_ok=True)
            os.close(descriptor)

    def is_held(self, name: str) -> bool:
        try:
            descriptor = os.open(self._path(name), os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    def _take(self, name: str) -> int:
        path = self._path(name)
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        while True:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            if not _is_taken_soon(descriptor):
                os.close(descriptor)
                raise BlobHeld("Another request holds these bytes.")
            if os.fstat(descriptor).st_nlink:
                return descriptor
            # Its holder has just let go, and deleted the file.
            os.close(descriptor)

    def _path(self, name: str) -> Path:
        return self._folder / name


def _is_taken_soon(descriptor: int) -> bool:
    """Take the lock of a file; who only looks whether it is held has it for a moment, too."""
    for _ in range(_TRIES):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_PAUSE_SECONDS)
        else:
            return True
    return False
