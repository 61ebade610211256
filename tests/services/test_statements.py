"""Statements that go to the driver: they mean what they mean to SQLAlchemy, on both databases."""

from datetime import timedelta

import pytest
from conftest import NOW
from flask import Flask
from services.making import make_link
from sqlalchemy import bindparam, insert, literal, select, update
from sqlalchemy.exc import IntegrityError, OperationalError

from minifile.extensions import db
from minifile.models import Delivery, Lease, Link
from minifile.services.commits import commit
from minifile.services.records import read_link
from minifile.services.statements import Driver, Statement, reading

TAKE = Statement(
    insert(Lease)
    .values(name=bindparam("name"), owner="a's", until=bindparam("until"))
    .returning(Lease.name, Lease.until)
)
FIND = Statement(select(Lease.owner, Lease.until).where(Lease.name == bindparam("name")))
PROLONG = Statement(
    update(Lease).where(Lease.until < bindparam("until")).values(until=bindparam("until"))
)


def take(name: str = "x", until=NOW) -> list[tuple]:
    return commit(lambda driver: TAKE.run(driver, name=name, until=until), durable=False)


def test_a_row_that_was_written_is_read_with_its_types(everywhere: Flask):
    assert take() == [("x", NOW)]

    with reading(db.engine) as driver:
        assert FIND.run(driver, name="x") == [("a's", NOW)]
        assert FIND.run(driver, name="y") == []


def test_the_model_reads_what_a_statement_wrote(everywhere: Flask):
    take(until=NOW + timedelta(microseconds=7))

    assert db.session.scalars(select(Lease)).one().until == NOW + timedelta(microseconds=7)


def test_a_parameter_may_stand_in_several_places(everywhere: Flask):
    take()

    later = NOW + timedelta(hours=1)
    assert commit(lambda driver: PROLONG.run(driver, until=later), durable=False) == []
    assert commit(lambda driver: FIND.run(driver, name="x"), durable=False) == [("a's", later)]


def test_a_parameter_that_is_not_given_is_an_error(here: Flask):
    with reading(db.engine) as driver, pytest.raises(KeyError):
        FIND.run(driver)


def test_an_instant_without_a_zone_is_an_error(everywhere: Flask):
    with pytest.raises(ValueError, match="time zone"):
        take(until=NOW.replace(tzinfo=None))


def test_errors_of_the_driver_are_sqlalchemys_and_tell_no_value(everywhere: Flask):
    take("secret")

    with pytest.raises(IntegrityError) as caught:
        take("secret")

    assert "INSERT" not in str(caught.value)
    assert caught.value.params is None


@pytest.mark.sqlite
def test_what_is_no_sql_is_an_error_of_the_database(here: Flask):
    with reading(db.engine) as driver, pytest.raises(OperationalError):
        driver.execute("NONSENSE")


def test_json_and_empty_values_pass(everywhere: Flask):
    link = make_link(everywhere)
    ranges = Statement(select(literal(None), Delivery.ranges).select_from(Delivery))

    with reading(db.engine) as driver:
        assert ranges.run(driver) == []
        assert read_link(driver, link.code) == link


def test_a_record_is_what_the_rows_say(everywhere: Flask):
    made = make_link(everywhere, b"a", b"b", max_downloads=3)

    row = db.session.scalars(select(Link)).one()

    assert (made.id, made.code, made.max_downloads) == (row.id, row.code, 3)
    assert [file.filename for file in made.files] == ["0.bin", "1.bin"]
    assert (made.expires_at, made.size_bytes) == (row.expires_at, 2)


def test_a_connection_is_lent_and_given_back(here: Flask):
    pool = db.engine.pool
    before = pool.checkedout()  # type: ignore[attr-defined]

    with reading(db.engine) as driver:
        assert isinstance(driver, Driver)
        assert pool.checkedout() == before + 1  # type: ignore[attr-defined]

    assert pool.checkedout() == before  # type: ignore[attr-defined]
