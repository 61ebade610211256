"""Runs migrations: each in one transaction, on SQLite too, so a failed one leaves nothing."""

from typing import Any

from alembic import context
from flask import current_app
from sqlalchemy import Connection
from sqlalchemy.types import TypeDecorator

# "minifile" as a number.
_LOCK = 0x6D696E6966696C65

database = current_app.extensions["migrate"].db


def render_item(kind: str, item: Any, _autogen_context: Any) -> str | bool:
    """Write column types of ours as the plain type below them: migrations import no app code."""
    if kind == "type" and isinstance(item, TypeDecorator):
        return f"sa.{item.impl!r}"
    return False


def include_name(name: str | None, kind: str, _parents: Any) -> bool:
    """Leave out the rate limits' table: their service makes and forgets it by itself."""
    return not (kind == "table" and name == "rate_counter")


def run(connection: Connection) -> None:
    options = dict(current_app.extensions["migrate"].configure_args)
    context.configure(
        connection=connection,
        target_metadata=database.metadata,
        render_item=render_item,
        include_name=include_name,
        # SQLite can roll back DDL, once SQLAlchemy says BEGIN by itself (see extensions.py).
        transactional_ddl=True,
        **options,
    )
    with context.begin_transaction():
        if connection.dialect.name == "postgresql":
            # Replicas may all begin with an upgrade; who waits here finds nothing left to do.
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
        context.run_migrations()


def run_online() -> None:
    """Upgrade through the application's own engine.

    On SQLite, foreign keys are off meanwhile: a batch operation makes a table anew and drops
    the old one, and the drop would take the rows that refer to it along.
    """
    with database.engine.connect() as connection:
        is_sqlite = connection.dialect.name == "sqlite"
        if is_sqlite:
            _pragma(connection, "foreign_keys=OFF")
            connection = connection.execution_options(minifile_durable=True)
        try:
            run(connection)
        finally:
            if is_sqlite:
                connection.rollback()
                _pragma(connection, "foreign_keys=ON")


def _pragma(connection: Connection, pragma: str) -> None:
    """Set what SQLite ignores inside a transaction."""
    connection.connection.driver_connection.execute(f"PRAGMA {pragma}")


if context.is_offline_mode():
    raise SystemExit("Offline migrations (--sql) are not supported; run them on the database.")
run_online()
