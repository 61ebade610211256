"""Short transactions of the hot paths; on SQLite those that wait at once share one commit.

SQLite has one writer at a time, and what a commit costs (the turn among processes, BEGIN, the
log, the fsync of a durable one) is nearly the same for one piece of work as for twenty. So in
each process the first thread that has work becomes the leader: it takes its turn, runs what has
queued up by then, commits once, and only then answers the others. A piece that fails is undone
alone. What a piece of work returned is never known to anybody before its commit. PostgreSQL has
many writers and groups their commits itself: there each piece has a transaction of its own.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Generic, TypeVar, cast
from weakref import WeakKeyDictionary

from sqlalchemy import Engine, PoolProxiedConnection
from sqlalchemy.exc import OperationalError

from minifile.errors import ServiceBusy
from minifile.extensions import DATABASE_UNAVAILABLE, begin_immediate, db, writers_turn
from minifile.services.statements import Driver, lent_driver, raw_connection

T = TypeVar("T")
Work = Callable[[Driver], T]

# So many at once that a commit is nearly free for each, and none waits long for the others.
_AT_ONCE = 64


def commit(work: Work[T], *, durable: bool) -> T:
    """Run `work` in a transaction that holds SQLite's write lock, and return what it returned.

    When this returns, the work is committed: on stable storage if `durable`, otherwise safe from
    a crash of the process but not from a power cut (SQLite). Work that raises leaves nothing and
    its error goes on; it must be short, may be run by another thread, and may be run twice. Raises
    ServiceBusy when the lock can't be had in time.
    """
    return commit_all([work], durable=durable)[0].value()


def commit_all(works: Sequence[Work[T]], *, durable: bool) -> list["Outcome[T]"]:
    """Run several works at once; each has an outcome of its own."""
    if not works:
        return []
    if db.session.registry.has():
        # What the session had been reading is old after this.
        db.session.commit()
    engine = db.engine
    jobs = [Outcome(work, durable=durable) for work in works]
    if engine.dialect.name == "sqlite":
        _queue_of(engine).run(engine, jobs)
    else:
        _commit_one_by_one(engine, jobs)
    return jobs


class Outcome(Generic[T]):
    """A piece of work, and what came of it once it is done."""

    def __init__(self, work: Work[T], *, durable: bool) -> None:
        self.durable = durable
        self.error: BaseException | None = None
        # Whether the connection broke in the commit itself, so that nobody knows.
        self.is_doubtful = False
        self._work = work
        self._result: T | None = None

    def run(self, driver: Driver) -> None:
        """Do the work, perhaps once more; its error is kept for who asks for the value."""
        self.error = None
        try:
            self._result = self._work(driver)
        except Exception as error:  # noqa: BLE001 (`value` raises it)
            self.error = error

    def value(self) -> T:
        """Return what the work returned, or raise what it raised."""
        if self.error is not None:
            raise self.error
        return cast(T, self._result)


class _Queue:
    """The works of one process that wait to be committed, and who leads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[_Waiter] = deque()
        self._is_led = False
        self._lent: PoolProxiedConnection | None = None

    def run(self, engine: Engine, jobs: Sequence[Outcome[Any]]) -> None:
        """Return once all jobs are done, by this thread or by another."""
        mine = _Waiter(jobs)
        with self._lock:
            self._waiting.append(mine)
            leads = not self._is_led
            self._is_led = True
        if not leads:
            mine.wake.acquire()
            leads = mine.leads
        if leads:
            self._lead(engine)

    def _lead(self, engine: Engine) -> None:
        """Commit what waits, the leader's own jobs first of all; then let the next one lead."""
        batch: list[_Waiter] = []
        try:
            with writers_turn(engine):
                batch = self._take()
                self._commit(engine, [job for waiter in batch for job in waiter.jobs])
        except BaseException as error:
            # A stop is this thread's alone; the others may try again.
            failure = error if isinstance(error, Exception) else ServiceBusy()
            with self._lock:
                # Whoever queued up for a turn that never came has waited long enough.
                batch = batch or self._drain()
            for job in (job for waiter in batch for job in waiter.jobs):
                job.error = job.error or failure
            if failure is not error:
                raise
        finally:
            self._pass_on()
            for waiter in batch[1:]:
                waiter.wake.release()

    def _commit(self, engine: Engine, jobs: Sequence[Outcome[Any]]) -> None:
        """Commit on the one connection of this process that writes; it is lent once."""
        if self._lent is None:
            self._lent = raw_connection(engine)
        try:
            _commit_together(Driver(self._lent.driver_connection, engine.dialect), jobs)
        except BaseException:
            # Whatever state it may be in.
            lent, self._lent = self._lent, None
            lent.invalidate()
            raise

    def close(self) -> None:
        """Give the connection back that was lent once."""
        lent, self._lent = self._lent, None
        if lent is not None:
            lent.close()

    def _take(self) -> list["_Waiter"]:
        with self._lock:
            count = min(len(self._waiting), _AT_ONCE)
            return [self._waiting.popleft() for _ in range(count)]

    def _drain(self) -> list["_Waiter"]:
        batch = list(self._waiting)
        self._waiting.clear()
        return batch

    def _pass_on(self) -> None:
        with self._lock:
            self._is_led = bool(self._waiting)
            if self._is_led:
                self._waiting[0].leads = True
                self._waiting[0].wake.release()


class _Waiter:
    """A thread's jobs, and the lock on which it waits for them or for its turn to lead."""

    __slots__ = ("jobs", "leads", "wake")

    def __init__(self, jobs: Sequence[Outcome[Any]]) -> None:
        self.jobs = jobs
        self.leads = False
        self.wake = threading.Lock()
        self.wake.acquire()


def _commit_together(driver: Driver, jobs: Sequence[Outcome[Any]]) -> None:
    """Run all jobs and commit; if one raises, undo all and run each within its savepoint.

    Nearly always none raises, and savepoints would be a sixth of all statements.
    """
    durable = any(job.durable for job in jobs)
    with suppress(_Failed), _transaction(driver, durable=durable):
        for job in jobs:
            job.run(driver)
            if job.error is not None:
                raise _Failed
        return
    if len(jobs) == 1:
        return
    with _transaction(driver, durable=durable):
        for job in jobs:
            _run_in_savepoint(driver, job)


class _Failed(Exception):
    """A piece of work has raised; its error is kept with it."""


@contextmanager
def _transaction(driver: Driver, *, durable: bool) -> Iterator[None]:
    try:
        begin_immediate(driver.execute, durable=durable)
    except OperationalError as error:
        raise ServiceBusy from error
    try:
        yield
        driver.execute("COMMIT")
    except BaseException:
        if driver.connection.in_transaction:
            driver.execute("ROLLBACK")
        raise


def _run_in_savepoint(driver: Driver, job: Outcome[Any]) -> None:
    """Run one job; if it raises, undo what it did and leave the others alone."""
    driver.execute("SAVEPOINT work")
    job.run(driver)
    if job.error is not None:
        # An error so bad that SQLite has ended the transaction itself fails here, for all.
        driver.execute("ROLLBACK TO work")
    driver.execute("RELEASE work")


def _commit_one_by_one(engine: Engine, jobs: Sequence[Outcome[Any]]) -> None:
    """Run jobs one after the other; once the database is away the rest need not find out, too."""
    away: BaseException | None = None
    for job in jobs:
        if away is None:
            _commit_alone(engine, job)
            away = job.error if isinstance(job.error, DATABASE_UNAVAILABLE) else None
        else:
            job.error = away


def _commit_alone(engine: Engine, job: Outcome[Any]) -> None:
    """Run one job in a transaction of its own (PostgreSQL)."""
    try:
        with lent_driver(engine) as driver:
            job.run(driver)
            # Raises what the work has raised.
            job.value()
            job.is_doubtful = True
            driver.commit()
            job.is_doubtful = False
    except Exception as error:  # noqa: BLE001 (kept for who asks for the value)
        job.error = error


_queues: "WeakKeyDictionary[Engine, _Queue]" = WeakKeyDictionary()
_queues_lock = threading.Lock()


def close_writer(engine: Engine) -> None:
    """Give back the connection on which this process writes, of an engine that is not used more."""
    with _queues_lock:
        queue = _queues.pop(engine, None)
    if queue is not None:
        queue.close()


def _queue_of(engine: Engine) -> _Queue:
    with _queues_lock:
        queue = _queues.get(engine)
        if queue is None:
            queue = _queues[engine] = _Queue()
        return queue
