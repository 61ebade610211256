"""The Flask extensions, and how a transaction begins on each database.

SQLite: the driver's own transaction handling is off (`isolation_level=None`) and SQLAlchemy's
begin event says BEGIN itself. That makes migrations atomic, and lets a writer take the write
lock at its start (BEGIN IMMEDIATE) instead of failing half-way when it upgrades a read.
"""

import fcntl
import os
import select
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, TypeVar

from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect
from sqlalchemy import URL, Connection, Engine, MetaData, event
from sqlalchemy.exc import InterfaceError, InvalidatePoolError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import DeclarativeBase, Session

from minifile.errors import ServiceBusy

BUSY_TIMEOUT_MS = 15_000

# How SQLite syncs what must be durable, and what may be undone by a power cut.
SYNCHRONOUS = {True: "FULL", False: "NORMAL"}

# What the driver or the pool raises when the database can't be reached, or not in time.
DATABASE_UNAVAILABLE = (OperationalError, InterfaceError, PoolTimeout)

# A machine that is gone says no goodbye; the kernel's own patience is a quarter of an hour.
_UNANSWERED = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,
}

View = TypeVar("View", bound=Callable[..., Any])


class Base(DeclarativeBase):
    """Parent of all models; every constraint has a name, so that migrations can drop it."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_N_label)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


# Rows stay readable after a commit: routes show what a service has just written.
db = SQLAlchemy(
    model_class=Base,
    disable_autonaming=True,
    session_options={"expire_on_commit": False},
)
csrf = CSRFProtect()

_writers = threading.Lock()


def first_line(error: BaseException) -> str:
    """Return what an error says, without the links to documentation that SQLAlchemy adds."""
    return str(error).partition("\n")[0]


def exempt_from_csrf(view: View) -> View:
    """Leave a view's requests to a check of its own; say which one where it is used."""
    csrf.exempt(view)
    return view


def init_database(app: Flask) -> None:
    """Bind the database to `app` and set up how its connections behave."""
    db.init_app(app)
    with app.app_context():
        if db.engine.dialect.name == "sqlite":
            listen_sqlite(db.engine)
        else:
            event.listen(db.engine, "checkout", _leave_dead_connections)


def unanswered_limits(url: URL) -> dict[str, Any]:
    """Return what makes PostgreSQL's driver notice within half a minute that nobody answers.

    What the URL itself says of these stays as it says.
    """
    if not url.drivername.startswith("postgresql"):
        return {}
    return {name: value for name, value in _UNANSWERED.items() if name not in url.query}


def _leave_dead_connections(connection: Any, record: Any, _lent: object) -> None:
    """Give no request a connection that the server has ended, by a restart say.

    To ask the server each time would cost a round trip. One that ends a connection says so, and
    a connection that nobody uses has nothing else to say: so only one that can be read from is
    asked. A server that has gone without a word is found out by the time-outs.
    """
    if not record.info.get("was_lent"):
        # It has just been made.
        record.info["was_lent"] = True
        return
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    if not poll.poll(0):
        return
    try:
        connection.execute("SELECT 1")
        connection.rollback()
    except Exception as error:
        # All connections of the pool that are as old are likely to have ended too.
        raise InvalidatePoolError from error


def listen_sqlite(engine: Engine) -> None:
    """Make each connection of a SQLite engine safe for many threads and processes."""
    event.listen(engine, "connect", _set_up_connection)
    event.listen(engine, "begin", _begin)


def _set_up_connection(connection: Any, _record: object) -> None:
    connection.isolation_level = None
    for pragma in (
        f"busy_timeout={BUSY_TIMEOUT_MS}",
        "journal_mode=WAL",
        "foreign_keys=ON",
        "synchronous=FULL",
        "mmap_size=1073741824",
        "cache_size=-16000",
        # What is deleted is overwritten: of some things it matters that they are gone.
        "secure_delete=ON",
        "journal_size_limit=67108864",
        # 64 MiB. The server writes back earlier and beside the commits (services/write_back.py).
        "wal_autocheckpoint=16384",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    durable = connection.get_execution_options().get("minifile_durable")
    if durable is None:
        connection.exec_driver_sql("BEGIN")
        return
    begin_immediate(connection.exec_driver_sql, durable=durable)


def begin_immediate(execute: Callable[[str], object], *, durable: bool) -> None:
    """Begin a transaction of SQLite with its write lock held."""
    # Has to be said before the transaction begins.
    execute(f"PRAGMA synchronous={SYNCHRONOUS[durable]}")
    execute("BEGIN IMMEDIATE")


@contextmanager
def write_transaction(*, durable: bool = True) -> Iterator[Session]:
    """Run one short unit of work that writes, and commit it.

    Ends whatever the session had been reading. On SQLite it holds the write lock from the
    start, and `durable=False` commits at synchronous=NORMAL: a power cut may undo the last
    ones, never corrupt. Raises ServiceBusy when the lock can't be had in time.
    """
    session = db.session()
    session.commit()
    sqlite = db.engine.dialect.name == "sqlite"
    with writers_turn(db.engine) if sqlite else nullcontext():
        try:
            _start(session, durable=durable)
            yield session
            session.commit()
        except BaseException:
            session.rollback()
            raise


@contextmanager
def writers_turn(engine: Engine) -> Iterator[None]:
    """Wait for this writer's turn: among threads in a mutex, among processes in a file lock.

    SQLite itself would let them poll, with pauses of up to a tenth of a second, which is a
    hundred times longer than a transaction takes.
    """
    with _writers:
        descriptor = _turn_file(f"{engine.url.database}-turn")
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(descriptor, fcntl.LOCK_UN)


# The lock's files by path and process: what a fork inherits would be the same lock.
_turn_files: dict[tuple[str, int], int] = {}


def _turn_file(path: str) -> int:
    """Open the lock's file once in a process."""
    known = path, os.getpid()
    if known not in _turn_files:
        _turn_files[known] = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    return _turn_files[known]


def close_turn_file(engine: Engine) -> None:
    """Close the lock's file of an engine that is not used any more."""
    descriptor = _turn_files.pop((f"{engine.url.database}-turn", os.getpid()), None)
    if descriptor is not None:
        os.close(descriptor)


def _start(session: Session, *, durable: bool) -> None:
    try:
        session.connection(execution_options={"minifile_durable": durable})
    except OperationalError as error:
        raise ServiceBusy from error


def read_as_one() -> None:
    """Let the session's statements see one moment, up to its next commit.

    On SQLite they do anyway. On PostgreSQL each would see what is committed by then, and what is
    moved from one table to another could be seen in neither.
    """
    release_connection()
    if db.engine.dialect.name == "postgresql":
        db.session.connection(execution_options={"isolation_level": "REPEATABLE READ"})


def release_connection() -> None:
    """Give the connection back before a long transfer, which must not hold a transaction."""
    if db.session.registry.has():
        db.session.commit()
