"""The scheduler: the purge runs once an interval, however many processes there are."""

import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from conftest import NOW, RunningServer, settings_of
from flask import Flask
from services.making import DAY, codes_left, make_link
from wire import eventually, get, kept, put

from minifile import create_app, scheduler
from minifile.extensions import db
from minifile.models import Lease
from minifile.scheduler import PURGE, purge_if_due, start_scheduler
from minifile.storage.local import LocalStorage

HOUR = timedelta(hours=1)
LONG_AGO = datetime(2020, 2, 2, tzinfo=UTC)


def due(app: Flask) -> bool:
    with app.app_context():
        return purge_if_due()


def test_the_purge_runs_once_an_interval(any_database_app: Flask):
    with time_machine.travel(NOW, tick=False) as clock:
        first, again = due(any_database_app), due(any_database_app)
        clock.shift(HOUR - timedelta(seconds=1))
        too_early = due(any_database_app)
        clock.shift(timedelta(seconds=1))
        next_interval = due(any_database_app)

    assert (first, again, too_early, next_interval) == (True, False, False, True)


def test_of_many_workers_one_runs_it(any_database_app: Flask, make_app: Callable[..., Flask]):
    same = {n: getattr(settings_of(any_database_app), n) for n in ("database_url", "secret_key")}
    workers = [make_app(**same) for _ in range(6)]
    start = threading.Barrier(len(workers))

    def ask(worker: Flask) -> bool:
        start.wait()
        return due(worker)

    with ThreadPoolExecutor(len(workers)) as pool:
        ran = list(pool.map(ask, workers))

    assert sum(ran) == 1


def test_what_expired_is_gone_and_old_counters_are_swept(app: Flask, storage: LocalStorage):
    rates = app.extensions["minifile"].rates
    with app.app_context(), time_machine.travel(NOW, tick=False) as clock:
        make_link(app, lifetime=HOUR)
        kept_link = make_link(app, lifetime=3 * DAY)
        clock.shift(DAY)

        assert purge_if_due()
        assert codes_left() == {kept_link.code}
        assert rates.left("uploads", "192.0.2.1") == 300


def test_a_run_that_was_missed_for_long_happens_at_the_start(app: Flask):
    with time_machine.travel(LONG_AGO, tick=False):
        due(app)

    jobs = start_scheduler(app)
    try:
        eventually(lambda: lease_until(app) > LONG_AGO + HOUR)
    finally:
        jobs.shutdown()


def lease_until(app: Flask) -> Any:
    with app.app_context():
        return db.session.scalars(db.select(Lease.until).where(Lease.name == PURGE)).one()


def test_a_blob_that_can_not_be_deleted_is_logged_and_tried_again_an_interval_later(
    app: Flask, storage: LocalStorage, caplog: pytest.LogCaptureFixture
):
    with time_machine.travel(NOW, tick=False) as clock:
        with app.app_context():
            link = make_link(app, lifetime=HOUR)
        blob = storage.path(link.files[0].storage_key)
        in_the_way = replace_by_folder(blob)
        clock.shift(DAY)
        scheduler._run_purge(app)
        in_the_way.rmdir()
        clock.shift(HOUR)

        assert due(app)
    assert "can't be deleted; the next purge tries again" in caplog.text
    with app.app_context():
        assert codes_left() == set()


def test_a_bucket_that_is_away_is_one_sentence_in_the_log(
    make_app: Callable[..., Flask], caplog: pytest.LogCaptureFixture
):
    app = make_app(
        storage_url="s3://bucket?endpoint=http://127.0.0.1:1&access_key_id=a&secret_access_key=b"
    )
    caplog.clear()

    scheduler._run_purge(app)

    said = [record.getMessage() for record in caplog.records if record.name == "minifile"]
    assert said[-1] == "the purge broke off: The bucket's endpoint can't be reached."
    assert "Traceback" not in caplog.text


def replace_by_folder(blob: Path) -> Path:
    """Put something in a blob's place that can't be unlinked."""
    blob.unlink()
    blob.mkdir()
    return blob


def test_making_an_application_starts_no_job(app: Flask):
    before = threading.active_count()

    create_app({"instance_path": settings_of(app).instance_path})

    assert threading.active_count() == before


def test_a_server_purges_by_itself(start_server: Callable[..., RunningServer]):
    server = start_server("--workers", "2", purge_interval="1s")
    path, stays = put(server, b"hello"), put(server, b"stays")
    expire(server, path)

    eventually(lambda: kept(server)[0] == [(1, 1)])

    eventually(lambda: len(kept(server)[1]) == 1)
    assert get(server, stays).body == b"stays"
    assert get(server, path).status == 404
    assert server.stop() == 0
    assert server.log().count("purged 1 links (5 bytes)") == 1
    assert "Traceback" not in server.log()


def expire(server: RunningServer, path: str) -> None:
    with closing(sqlite3.connect(server.instance_path / "minifile.sqlite")) as database, database:
        database.execute(
            "UPDATE link SET expires_at = '2026-01-01 00:00:00.000000' WHERE code = ?", [path[1:]]
        )


def test_workers_and_restarts_within_an_interval_purge_once(
    start_server: Callable[..., RunningServer],
):
    first = start_server("--workers", "2")
    eventually(lambda: "purged " in first.log())
    first.stop()

    second = start_server("--workers", "2")
    put(second, b"hello")
    second.stop()

    assert first.log().count("purged ") == 1
    assert "purged " not in second.log()
