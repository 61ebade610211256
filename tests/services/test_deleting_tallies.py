"""Tallies go with what they are about: nothing that happens meanwhile leaves or brings back any."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from conftest import NOW, SECRET_KEY
from flask import Flask
from services.making import BOB, CHARLIE, DAY, begin, end_delivery, make_link, storage_of
from sqlalchemy import event, func, select, text
from wire import eventually

from minifile.extensions import db
from minifile.models import Breakdown, File, Link, SeenClient, Tally
from minifile.services.counts import TallyScope
from minifile.services.link_files import remove_file
from minifile.services.purge import purge_expired
from minifile.services.rollup import end_slots, roll_up
from minifile.services.visits import note_visit
from minifile.values import LinkRecord, VisitKind

LATER = NOW + 2 * DAY
WAITING = text(
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE datname = current_database() AND wait_event_type = 'Lock'"
)


def fetched_link(app: Flask, *, lifetime: timedelta = DAY) -> LinkRecord:
    """Make a link of two files that was fetched, and all of it added up."""
    link = make_link(app, b"one", b"two", lifetime=lifetime)
    ticket = begin(link, CHARLIE)
    end_delivery(ticket, {link.files[0].id: 3}, {link.files[0].id: 3}, now=NOW)
    end_slots(NOW + DAY)
    assert left(TallyScope.FILE) == {Tally: 3, SeenClient: 1}
    return link


def left(*scopes: TallyScope) -> dict[type, int]:
    """Count the rows of each kind of tallies that there are."""
    found = {}
    for table in (Tally, Breakdown, SeenClient):
        query = select(func.count()).select_from(table).where(table.scope.in_(scopes))
        found[table] = db.session.scalar(query) or 0
    db.session.commit()
    return {table: count for table, count in found.items() if count}


def test_a_file_and_its_numbers_are_gone_with_one_commit(everywhere: Flask):
    link = fetched_link(everywhere, lifetime=9 * DAY)
    file = link.files[0].id
    seen = []

    def look(_: object) -> None:
        with db.engine.connect() as another:
            files = another.scalar(select(func.count()).where(File.id == file))
            tallies = select(func.count()).where(Tally.scope == "file", Tally.subject_id == file)
            seen.append((files, another.scalar(tallies)))

    event.listen(db.session, "after_commit", look)
    remove_file(link, file, storage=storage_of(everywhere), now=NOW)
    event.remove(db.session, "after_commit", look)

    assert sorted(set(seen)) == [(0, 0), (1, 3)]


def test_a_roll_up_in_the_middle_of_a_purge_brings_no_number_back(
    everywhere: Flask, monkeypatch: pytest.MonkeyPatch
):
    link = fetched_link(everywhere)
    storage = storage_of(everywhere)
    delete = storage.delete

    def refuse_and_roll_up(key: str) -> None:
        delete(key)
        note_visit(link.id, VisitKind.EXPIRED, BOB, now=LATER)
        note_visit(link.id, VisitKind.PREVIEW, BOB, file_id=link.files[0].id, now=LATER)
        roll_up(LATER)

    monkeypatch.setattr(storage, "delete", refuse_and_roll_up)
    purge_expired(storage=storage, now=LATER)

    assert db.session.scalars(select(Link.id)).all() == []
    assert left(TallyScope.LINK, TallyScope.FILE) == {}


@pytest.mark.postgres
def test_a_file_that_a_roll_up_adds_to_is_removed_afterwards(
    make_app: Callable[..., Flask], make_postgres_database: Callable[[], str]
):
    app = make_app(database_url=make_postgres_database(), secret_key=SECRET_KEY)
    removing: list[Future[None]] = []

    def remove() -> None:
        with app.app_context():
            remove_file(link, link.files[0].id, storage=storage_of(app), now=NOW)

    def remove_meanwhile(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("INSERT INTO tally") and not removing:
            removing.append(pool.submit(remove))
            eventually(lambda: removing[0].done() or is_one_waiting())

    with app.app_context(), ThreadPoolExecutor(1) as pool:
        link = make_link(app, b"one", b"two")
        note_visit(link.id, VisitKind.PREVIEW, BOB, file_id=link.files[0].id, now=NOW)
        event.listen(db.engine, "before_cursor_execute", remove_meanwhile)
        roll_up(NOW)
        removing[0].result()

        assert left(TallyScope.FILE) == {}


def is_one_waiting() -> bool:
    """Say whether a connection to this database (PostgreSQL) waits for a lock."""
    with db.engine.connect() as another:
        return bool(another.scalar(WAITING))
