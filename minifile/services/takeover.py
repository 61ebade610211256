"""One writer an upload: how a request that waits for a dead client is made to let go.

Bytes are held by a lock that ends with its process, so the dead are no trouble. But a request
may wait a minute for a client that has gone and come back by another way. Whoever comes then
marks the row as wanted; in each process a thread, which lives only while uploads are written,
looks for such marks and ends the reading of those that have stood still.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from sqlalchemy import Engine, bindparam, select, update

from minifile.errors import UploadHeld
from minifile.extensions import DATABASE_UNAVAILABLE, db, first_line
from minifile.models import PartialUpload
from minifile.services.commits import commit
from minifile.services.partial_record import PartialRecord
from minifile.services.partials import read_again
from minifile.services.statements import Statement, reading
from minifile.storage import Storage

log = logging.getLogger("minifile")

_LOOK_SECONDS = 0.5
# Who has just sent something is no dead client.
_STILL_SECONDS = 1.0
_WAIT_SECONDS = 5.0
_PAUSE_SECONDS = 0.05

_WANT = Statement(
    update(PartialUpload)
    .where(PartialUpload.id == bindparam("row_id"), PartialUpload.writer == bindparam("old_writer"))
    .values(is_wanted=True)
)
_WANTED = Statement(select(PartialUpload.id).where(PartialUpload.is_wanted.is_(True)))


@dataclass(eq=False, slots=True)
class Writing:
    """A request that is receiving bytes of an upload; `cut` ends its reading."""

    engine: Engine
    row_id: int
    cut: Callable[[], None]
    moved_at: float = field(default_factory=time.monotonic)

    def note_bytes(self) -> None:
        """Note that something has come."""
        self.moved_at = time.monotonic()


class _Watcher:
    """Knows what this process is writing, and looks who is wanted."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[Writing] = set()
        self._thread: threading.Thread | None = None
        self._is_over = threading.Event()

    def add(self, writing: Writing) -> None:
        with self._lock:
            self._running.add(writing)
            if self._thread is None:
                self._is_over.clear()
                self._thread = threading.Thread(target=self._watch, name="takeover", daemon=True)
                self._thread.start()

    def remove(self, writing: Writing) -> None:
        with self._lock:
            self._running.discard(writing)
            if not self._running:
                self._is_over.set()

    def _watch(self) -> None:
        while True:
            self._is_over.wait(_LOOK_SECONDS)
            with self._lock:
                if not self._running:
                    self._thread = None
                    return
                running = list(self._running)
                self._is_over.clear()
            for engine in {writing.engine for writing in running}:
                self._look(engine, [each for each in running if each.engine is engine])

    def _look(self, engine: Engine, running: list[Writing]) -> None:
        try:
            with reading(engine) as driver:
                wanted = {row[0] for row in _WANTED.run(driver)}
        except DATABASE_UNAVAILABLE as error:
            log.error("nobody could be asked which uploads are wanted: %s", first_line(error))
            return
        still = time.monotonic() - _STILL_SECONDS
        for writing in running:
            if writing.row_id in wanted and writing.moved_at <= still:
                self._cut(writing)

    def _cut(self, writing: Writing) -> None:
        """End a reading, unless it has ended: its connection may serve another request now."""
        with self._lock, suppress(OSError):
            if writing in self._running:
                writing.cut()


_watcher = _Watcher()


@contextmanager
def writing(row: PartialRecord, cut: Callable[[], None]) -> Iterator[Writing]:
    """Let others end the reading of this request while the block runs."""
    mine = Writing(db.engine, row.id, cut)
    _watcher.add(mine)
    try:
        yield mine
    finally:
        _watcher.remove(mine)


def freed(row: PartialRecord, *, storage: Storage) -> PartialRecord:
    """Return the row as it is once no request writes to it, asking one that does to let go.

    Raises UploadHeld when it has not done so within five seconds.
    """
    if row.writer is None:
        return row
    deadline = time.monotonic() + _WAIT_SECONDS
    is_asked = False
    while storage.is_being_written(row.storage_key):
        if not is_asked:
            commit(
                lambda driver: _WANT.run(driver, row_id=row.id, old_writer=row.writer),
                durable=False,
            )
            is_asked = True
        if time.monotonic() > deadline:
            raise UploadHeld
        time.sleep(_PAUSE_SECONDS)
    return read_again(row.id) or row
