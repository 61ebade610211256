"""How jobs in the background give way to those who are served: pages, and rests between them."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from sqlalchemy import Select
from sqlalchemy.orm import Session

from minifile.extensions import db, release_connection, write_transaction
from minifile.services.write_back import write_back

# What one transaction reads or writes at most: SQLite's write lock is held for some 10 ms.
ROWS = 500
# A writer that waits gets its turn in the meantime.
_LEAST_REST_SECONDS = 0.005
_RESTS = 3

T = TypeVar("T")


@contextmanager
def unhurried() -> Iterator[None]:
    """Rest afterwards for three times as long as the block took.

    So a job takes a quarter of a core, and of the disk, however much it has to do.
    """
    started = time.monotonic()
    yield
    time.sleep(max(_LEAST_REST_SECONDS, _RESTS * (time.monotonic() - started)))


@contextmanager
def unhurried_transaction(*, durable: bool = False) -> Iterator[Session]:
    """Run one small unit of work that writes, commit it, and rest.

    SQLite's log is written back in between: otherwise the commit that fills it does so, while all
    other writers wait.
    """
    with unhurried():
        with write_transaction(durable=durable) as session:
            yield session
        write_back()


def read_page(query: Select[T], at_most: int = ROWS) -> Sequence[T]:
    """Return the first values that a query finds; no transaction stays open."""
    found = db.session.scalars(query.limit(at_most)).all()
    release_connection()
    return found


def pages_until_gone(query: Select[T]) -> Iterator[Sequence[T]]:
    """Ask again and again, and yield a page each time; whoever takes it deletes what it names."""
    while page := read_page(query):
        yield page
