"""Jobs over a million links: small transactions, indexes for each question, a page at a time."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from conftest import NOW
from flask import Flask
from services.making import BOB, DAY, begin, codes_left, make_link, make_rows, storage_of
from sqlalchemy import Connection, event

from minifile.extensions import db, write_transaction
from minifile.models import Delivery, Link, Slot
from minifile.services.fsck import list_faults
from minifile.services.links import revoke_link
from minifile.services.pacing import ROWS
from minifile.services.purge import BATCH, Purged, purge_expired
from minifile.services.usage import measure_usage
from minifile.storage import Storage

TABLES = "link|file|slot|delivery|browser_access"


def make_history(link: Link, slots: int) -> None:
    """Write many finished downloads of a link's first file."""
    with write_transaction() as session:
        session.execute(
            db.insert(Slot),
            [
                {"id": n, "link_id": link.id, "started_at": NOW, "ends_at": NOW + DAY,
                 "client": f"{n}"}
                for n in range(1, slots + 1)
            ],
        )  # fmt: skip
        session.execute(
            db.insert(Delivery),
            [
                {"slot_id": n, "file_id": link.files[0].id, "started_at": NOW, "ranges": [[0, 5]]}
                for n in range(1, slots + 1)
            ],
        )


@contextmanager
def rows_changed() -> Iterator[list[int]]:
    """Collect how many rows each transaction changes, those too that go with others (SQLite)."""
    changed: list[int] = []

    def total(connection: Connection) -> int:
        found: int = connection.connection.driver_connection.total_changes
        return found

    def note_begin(connection: Connection) -> None:
        changed.append(-total(connection))

    def note_commit(connection: Connection) -> None:
        changed[-1] += total(connection)

    event.listen(db.engine, "begin", note_begin)
    event.listen(db.engine, "commit", note_commit)
    try:
        yield changed
    finally:
        event.remove(db.engine, "begin", note_begin)
        event.remove(db.engine, "commit", note_commit)


@pytest.mark.sqlite
def test_no_transaction_of_a_purge_changes_many_rows(here: Flask, storage: Storage):
    make_history(make_link(here, *[b"a file"] * 3), slots=2 * ROWS + 100)
    make_rows(2 * BATCH + 1, expires_at=NOW)

    with rows_changed() as changed:
        purged = purge_expired(storage=storage, now=NOW + DAY)

    assert purged == Purged(links=2 * BATCH + 2, size_bytes=3 * (2 * BATCH + 1) + 18)
    assert sum(changed) > 4 * ROWS
    assert max(changed) == ROWS


@pytest.mark.sqlite
def test_slots_end_in_small_transactions(here: Flask, storage: Storage):
    make_history(make_link(here, lifetime=3 * DAY), slots=2 * ROWS + 1)

    with rows_changed() as changed:
        purge_expired(storage=storage, now=NOW + DAY)

    assert max(changed) <= ROWS
    assert sum(changed) > 2 * ROWS


def test_a_popular_link_goes_with_all_that_was_counted(everywhere: Flask):
    make_history(make_link(everywhere), slots=ROWS + 1)
    kept = make_link(everywhere, lifetime=3 * DAY)

    purged = purge_expired(storage=storage_of(everywhere), now=NOW + DAY)

    assert (purged.links, codes_left()) == (1, {kept.code})
    assert db.session.scalars(db.select(Slot.id)).all() == []
    assert db.session.scalars(db.select(Delivery.id)).all() == []


@contextmanager
def statements() -> Iterator[list[tuple[str, Any]]]:
    """Collect what is asked of the database, with its parameters."""
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
        if statement.startswith(("SELECT", "UPDATE", "DELETE")):
            asked.append((statement, parameters))

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(db.engine, "before_cursor_execute", note)


def scans(asked: list[tuple[str, Any]]) -> list[tuple[str, str]]:
    """Return each statement that reads a table from end to end, with that line of its plan."""
    is_sqlite = db.engine.dialect.name == "sqlite"
    explain = "EXPLAIN QUERY PLAN" if is_sqlite else "EXPLAIN"
    scan = re.compile(rf"\bSCAN ({TABLES})\b" if is_sqlite else rf"Seq Scan on ({TABLES})\b")
    with db.engine.connect() as connection:
        if not is_sqlite:
            # It prefers a scan of what fits into a page, as in every test.
            connection.exec_driver_sql("SET enable_seqscan = off")
        return [
            (statement, str(row[-1]))
            for statement, parameters in asked
            for row in connection.exec_driver_sql(f"{explain} {statement}", parameters)
            if scan.search(str(row[-1]))
        ]


@pytest.fixture
def busy(everywhere: Flask) -> Flask:
    """An instance on which every kind of row is to be purged, and some stay."""
    revoke_link(make_link(everywhere), now=NOW)
    begin(make_link(everywhere), BOB)
    make_link(everywhere, lifetime=3 * DAY)
    left = make_link(everywhere)
    with write_transaction() as session:
        session.execute(db.update(Link).where(Link.id == left.id).values(state="deleting"))
    return everywhere


def test_a_purge_reads_no_table_from_end_to_end(busy: Flask):
    with statements() as asked:
        purged = purge_expired(storage=storage_of(busy), now=NOW + DAY)

    assert purged.links == 3
    assert len(asked) > 20
    assert scans(asked) == []


def test_a_check_pages_by_the_primary_key(busy: Flask):
    with statements() as asked:
        assert list(list_faults(storage=storage_of(busy))) == []

    assert scans(asked) == []


def test_usage_is_added_up_by_the_primary_key(busy: Flask):
    with statements() as asked:
        assert measure_usage(storage=storage_of(busy), now=NOW).files == 4

    assert scans(asked) == []
