"""The log of SQLite is written back beside the commits."""

import pytest
from conftest import NOW
from flask import Flask
from services.making import make_rows

from minifile.extensions import db
from minifile.services.commits import commit
from minifile.services.statements import Driver, reading
from minifile.services.write_back import write_back


@pytest.mark.sqlite
def test_all_that_was_committed_is_in_the_database_afterwards(here: Flask):
    make_rows(500, expires_at=NOW)

    write_back()

    with reading(db.engine) as driver:
        busy, pages, written = driver.fetch("PRAGMA wal_checkpoint(PASSIVE)", ())[0]
    assert busy == 0
    assert pages == written


@pytest.mark.sqlite
def test_a_log_that_has_grown_begins_anew(here: Flask):
    make_rows(20_000, expires_at=NOW)
    with reading(db.engine) as driver:
        grown = pages_of(driver)

        write_back()
        commit(lambda written: written.execute("DELETE FROM link WHERE id = 1"), durable=False)

        assert grown > 2048
        assert pages_of(driver) < 100


def pages_of(driver: Driver) -> int:
    return driver.fetch("PRAGMA wal_checkpoint(PASSIVE)", ())[0][1]


def test_elsewhere_there_is_nothing_to_write_back(any_database_app: Flask):
    with any_database_app.app_context():
        write_back()
