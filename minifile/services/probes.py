"""Would the database and the storage work? Asked before anything is served, in sentences.

Nothing is migrated and nothing made: of the database only questions are asked, and the storage is
given a small blob that is read and deleted at once.
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

from limits.storage import RedisStorage
from sqlalchemy import Connection, create_engine, func, inspect, make_url, select
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from minifile.errors import MinifileError
from minifile.extensions import db
from minifile.services.database_faults import fault_in_words
from minifile.services.schema import newest_revision
from minifile.storage import Storage
from minifile.units import size_in_words
from minifile.values import Level, Verdict

_CONNECT_SECONDS = 10
_ANSWER_SECONDS = 5

Look = Callable[[Connection], Iterator[Verdict]]

DATABASE, SCHEMA, STORAGE, SPACE = "database", "schema", "storage", "free space"
COUNTERS, CLOCK = "counters", "clock"
_CLOCKS_DIFFER_SECONDS = 10


def probe_database(url: str, *, migrations: Path, connections: int) -> Iterator[Verdict]:
    """Look whether the database can be reached, may be written, and has the schema.

    `connections` is how many of them the processes of this machine may open in all.
    """
    address = make_url(url)
    if address.get_backend_name() == "sqlite":
        yield from _probe_sqlite(address, migrations)
        return
    # The setting may ask for another time-out.
    address = address.update_query_dict(
        {"connect_timeout": str(_CONNECT_SECONDS)} | dict(address.query)
    )
    yield from _ask(
        address, lambda connection: _look_at_server(connection, migrations, connections)
    )


def probe_storage(storage: Storage) -> Verdict:
    """Look whether a blob can be written, read and deleted."""
    try:
        storage.check()
    except MinifileError as error:
        return Verdict(Level.WRONG, STORAGE, str(error))
    except OSError as error:
        return Verdict(Level.WRONG, STORAGE, f"It does not answer: {error.strerror}.")
    return Verdict(Level.OK, STORAGE, "Blobs can be written, read and deleted.")


def probe_space(storage: Storage, keep_free: int) -> Verdict:
    """Look whether there is room for uploads."""
    try:
        free = storage.free_bytes()
    except OSError as error:
        return Verdict(Level.WRONG, SPACE, f"It can't be measured: {error.strerror}.")
    if free is None:
        return Verdict(Level.OK, SPACE, "A bucket has no end that could be measured.")
    words = f"{size_in_words(free)} are free, KEEP_FREE is {size_in_words(keep_free)}"
    if free <= keep_free:
        return Verdict(Level.WRONG, SPACE, f"Every upload would be refused: {words}.")
    if free < 2 * keep_free:
        return Verdict(Level.WARNING, SPACE, f"Uploads will soon be refused: {words}.")
    return Verdict(Level.OK, SPACE, f"{words}.")


def probe_clock(*, now: datetime) -> Verdict:
    """Compare the clock of this machine with the database's, where it has its own."""
    if db.engine.dialect.name == "sqlite":
        return Verdict(Level.OK, CLOCK, "There is one clock.")
    theirs = db.session.execute(select(func.clock_timestamp())).scalar_one()
    seconds = abs((theirs - now).total_seconds())
    if seconds > _CLOCKS_DIFFER_SECONDS:
        sentence = f"This machine and the database differ by {seconds:.0f} seconds: set the clocks."
        return Verdict(Level.WARNING, CLOCK, sentence)
    return Verdict(Level.OK, CLOCK, "This machine and the database agree.")


def probe_counters(url: str) -> Verdict:
    """Look whether Redis answers; without it the database counts, so nothing is wrong."""
    counters = RedisStorage(
        url, socket_timeout=_ANSWER_SECONDS, socket_connect_timeout=_ANSWER_SECONDS
    )
    try:
        # Its sentences may hold what stands in the URL, so only the kind is told.
        counters.storage.ping()
    except (counters.base_exceptions, OSError) as error:  # type: ignore[misc]
        kind = type(error).__name__
        sentence = f"Redis does not answer ({kind}); the database counts until it does."
        return Verdict(Level.WARNING, COUNTERS, sentence)
    finally:
        counters.storage.close()
    return Verdict(Level.OK, COUNTERS, "Redis answers and counts.")


def _probe_sqlite(address: URL, migrations: Path) -> Iterator[Verdict]:
    path = Path(address.database or "")
    if not path.exists():
        if not path.parent.is_dir():
            yield _wrong(f"The folder {path.parent} does not exist.")
            return
        yield Verdict(Level.OK, DATABASE, f"{path} does not exist yet; minifile serve makes it.")
        return
    # Opened as it is: SQLite would make a missing one.
    opened = URL.create("sqlite", database=f"file:{path}", query={"mode": "rw", "uri": "true"})
    yield from _ask(opened, lambda there: _look_at_file(there, migrations))


def _look_at_file(connection: Connection, migrations: Path) -> Iterator[Verdict]:
    # Taken and given back: another user's file can be read, and only this says so.
    connection.exec_driver_sql("BEGIN IMMEDIATE")
    connection.exec_driver_sql("ROLLBACK")
    version = connection.exec_driver_sql("SELECT sqlite_version()").scalar_one()
    yield Verdict(Level.OK, DATABASE, f"SQLite {version} answers.")
    schema = _schema(connection, migrations)
    if schema.level is Level.WRONG:
        sentence = f"{schema.sentence} minifile serve upgrades it at its start."
        schema = Verdict(Level.WARNING, schema.part, sentence)
    yield schema


def _look_at_server(
    connection: Connection, migrations: Path, connections: int
) -> Iterator[Verdict]:
    version = _setting(connection, "server_version").partition(" ")[0]
    yield Verdict(Level.OK, DATABASE, f"PostgreSQL {version} answers.")
    if _setting(connection, "transaction_read_only") == "on":
        yield _wrong("It is read-only: this is a standby of PostgreSQL, or in recovery.")
    allowed = int(_setting(connection, "max_connections"))
    if connections > allowed:
        yield Verdict(
            Level.WARNING,
            DATABASE,
            f"It allows {allowed} connections, and this machine may ask for {connections}:"
            " raise max_connections, or start fewer --workers.",
        )
    schema = _schema(connection, migrations)
    if schema.level is Level.WRONG:
        sentence = f"{schema.sentence} Run: minifile db upgrade"
        schema = Verdict(Level.WRONG, schema.part, sentence)
    yield schema


def _schema(connection: Connection, migrations: Path) -> Verdict:
    newest = newest_revision(migrations)
    if not inspect(connection).has_table("alembic_version"):
        return Verdict(Level.WRONG, SCHEMA, "It holds no tables of minifile.")
    versions = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalars()
    present = max(versions, default="0")
    if present < newest:
        return Verdict(Level.WRONG, SCHEMA, f"It stands at {present} and lacks {newest}.")
    if present > newest:
        sentence = f"It stands at {present}, made by a newer minifile; this one knows {newest}."
        return Verdict(Level.WARNING, SCHEMA, sentence)
    return Verdict(Level.OK, SCHEMA, f"It stands at {present}, the newest.")


def _setting(connection: Connection, name: str) -> str:
    return str(connection.exec_driver_sql(f"SHOW {name}").scalar_one())


def _ask(address: URL, look: Look) -> Iterator[Verdict]:
    """Connect once, look, and put what goes wrong into a sentence."""
    engine = create_engine(
        address, poolclass=NullPool, isolation_level="AUTOCOMMIT", hide_parameters=True
    )
    try:
        with engine.connect() as connection:
            yield from look(connection)
    except SQLAlchemyError as error:
        yield _wrong(fault_in_words(error, address))
    finally:
        engine.dispose()


def _wrong(sentence: str) -> Verdict:
    return Verdict(Level.WRONG, DATABASE, sentence)
