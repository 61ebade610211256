"""The SQLite file of the rate limits' counters: no download ever waits for it."""

import sqlite3
from contextlib import suppress
from typing import Any

from sqlalchemy import Engine, create_engine, event


def open_counters_engine(path: str) -> Engine:
    """Return the engine of the counters' own SQLite file."""
    engine = create_engine(f"sqlite:///{path}", hide_parameters=True)

    @event.listens_for(engine, "connect")
    def _set_up(connection: Any, _record: object) -> None:
        for pragma in ("busy_timeout=5000", "synchronous=OFF"):
            connection.execute(f"PRAGMA {pragma}")
        # The file remembers this mode. Where several connections turn a new file to it at once,
        # SQLite fails the late ones without waiting; the one before them has done it.
        with suppress(sqlite3.OperationalError):
            connection.execute("PRAGMA journal_mode=WAL")

    return engine
