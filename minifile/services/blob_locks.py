"""Who is writing which blobs, among all replicas: advisory locks of PostgreSQL.

They belong to one session of each process and end with it: at once when the process dies, and
within half a minute when its machine does, by TCP keepalive. A session can be lost while its
process lives on; whatever was held through it may have been another's since, and says so.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from sqlalchemy import Connection, Engine, NullPool, TextClause, create_engine, event, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from minifile.errors import BlobHeld, StorageUnavailable
from minifile.extensions import unanswered_limits

# So long a thread waits for others that ask, or find out that nobody answers.
_WAIT_SECONDS = 10.0
# The server's side: when it takes this machine for dead, though nobody has said goodbye.
_LIMITS = {
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "25000",
    "idle_session_timeout": "0",
}
_SET_UP = text(
    "SELECT pg_backend_pid(), "
    + ", ".join(f"set_config('{name}', '{value}', false)" for name, value in _LIMITS.items())
)
# In this order: a number is drawn only once the lock is held. It comes from a sequence, since the
# server hands each of its numbers out once, also after a crash. It does not promise that for the
# ids of transactions that write nothing, and those begin anew in a database that was restored.
_TAKE = text(
    "SELECT CASE WHEN pg_try_advisory_lock(CAST(:key AS bigint)) THEN nextval('blob_fence') END"
)
_TAKE_AGAIN = text("SELECT pg_try_advisory_lock(key) FROM unnest(CAST(:keys AS bigint[])) AS key")
_LET_GO = text("SELECT pg_advisory_unlock(CAST(:key AS bigint))")
# Trying would hold it for a moment, and turn somebody away who comes just then.
_IS_HELD = text(
    "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    " AND classid::bigint = :high AND objid::bigint = :low)"
)
_SESSION = text("SELECT pg_backend_pid()")


class AdvisoryHold:
    """A name that was taken in a session of PostgreSQL."""

    def __init__(self, session: "_Session", life: int, fence: int) -> None:
        self.fence = fence
        self._session = session
        self._life = life

    def is_unbroken(self) -> bool:
        """Ask the server whether the session lives. One that can't be asked may have ended."""
        try:
            return self._session.current_life() == self._life
        except StorageUnavailable:
            return False


class AdvisoryLocks:
    """Locks for all processes that share a database: session-level advisory locks.

    They need a session of their own: not one that a pooler in between lends for a transaction.
    """

    def __init__(self, engine: Engine) -> None:
        """Use the database of an engine, and let go of it when the engine is disposed of."""
        options = unanswered_limits(engine.url)
        self._engine = create_engine(
            engine.url, poolclass=NullPool, isolation_level="AUTOCOMMIT", connect_args=options
        )
        # Of each process; what a fork brings along is kept, so that nothing of it is closed here.
        self._sessions: dict[int, _Session] = {}
        event.listen(engine, "engine_disposed", lambda _engine: self.close())

    @contextmanager
    def hold(self, name: str) -> Iterator[AdvisoryHold]:
        session = self._session()
        hold = session.take(name)
        try:
            yield hold
        finally:
            session.let_go(name)

    def is_held(self, name: str) -> bool:
        return self._session().is_held(name)

    def close(self) -> None:
        """End the session of this process; it is begun anew when it is needed."""
        self._session().close()

    def _session(self) -> "_Session":
        return self._sessions.setdefault(os.getpid(), _Session(self._engine))


class _Session:
    """The one session of a process, begun when it is needed and after each loss."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._mutex = threading.Lock()
        self._held: set[str] = set()
        self._connection: Connection | None = None
        self._backend = 0
        self._life = 0

    def take(self, name: str) -> AdvisoryHold:
        with self._turn():
            # The server would give the same session the same lock once more.
            fence = None if name in self._held else self._take(name)
            if fence is None:
                raise BlobHeld("Another request holds these bytes.")
            self._held.add(name)
            return AdvisoryHold(self, self._life, fence)

    def let_go(self, name: str) -> None:
        """Let go of a name, whatever state the session is in."""
        with self._mutex:
            self._held.discard(name)
            if self._connection is not None:
                with suppress(StorageUnavailable):
                    self._run(_LET_GO, key=_key(name))

    def is_held(self, name: str) -> bool:
        with self._turn():
            high, low = int(name[:8], 16), int(name[8:], 16)
            return name in self._held or bool(self._ask(_IS_HELD, high=high, low=low))

    def current_life(self) -> int:
        """Return the number of the session that lives now; ask the server whether it does."""
        with self._turn():
            if self._ask(_SESSION) != self._backend:
                # Something in between has lent us another's session.
                self._end()
                self._begin()
            return self._life

    def close(self) -> None:
        with self._mutex:
            self._end()

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Have the session for this thread. Nobody waits longer than it takes to find out."""
        if not self._mutex.acquire(timeout=_WAIT_SECONDS):
            raise _unavailable()
        try:
            if self._connection is None:
                self._begin()
            yield
        finally:
            self._mutex.release()

    def _begin(self) -> None:
        """Begin a session, and take all that is held again, unless another has it by now."""
        try:
            self._connection = self._engine.connect()
        except SQLAlchemyError as error:
            raise _unavailable() from error
        self._backend = self._run(_SET_UP)
        self._life += 1
        if self._held:
            self._run(_TAKE_AGAIN, keys=[_key(name) for name in self._held])

    def _take(self, name: str) -> int | None:
        try:
            fence: int | None = self._ask(_TAKE, key=_key(name))
        except StorageUnavailable:
            # No number may have come although the lock was taken.
            if self._connection is not None:
                self._run(_LET_GO, key=_key(name))
            raise
        return fence

    def _ask(self, statement: TextClause, **values: object) -> Any:
        """As `_run`; when it turns out that the session is over, ask in a new one."""
        try:
            return self._run(statement, **values)
        except StorageUnavailable:
            if self._connection is not None:
                raise
            self._begin()
            return self._run(statement, **values)

    def _run(self, statement: TextClause, **values: object) -> Any:
        """Run one statement and return its first value. A session that breaks by it is over."""
        assert self._connection is not None
        try:
            return self._connection.execute(statement, values).scalar()
        except SQLAlchemyError as error:
            if not isinstance(error, DBAPIError) or error.connection_invalidated:
                self._end()
            raise _unavailable() from error

    def _end(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(SQLAlchemyError):
                connection.close()


def _key(name: str) -> int:
    """Return a name as PostgreSQL takes it: a signed number of 64 bits."""
    return int.from_bytes(bytes.fromhex(name), "big", signed=True)


def _unavailable() -> StorageUnavailable:
    return StorageUnavailable("The database that keeps the locks does not answer.")
