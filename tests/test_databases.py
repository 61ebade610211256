"""The databases that tests on PostgreSQL are lent: each as new, whatever the one before did."""

from typing import Any

import pytest
from postgres import Databases, execute, url_of

pytestmark = pytest.mark.postgres

ENTRY = "INSERT INTO audit_entry (action, at, via) VALUES ('sign-in', now(), 'page') RETURNING id"


@pytest.fixture
def name(postgres_databases: Databases) -> Any:
    return postgres_databases.lend()


def test_one_that_comes_back_is_lent_again_without_its_rows(
    postgres_url: str, postgres_databases: Databases, name: str
):
    [(first,)] = execute(url_of(postgres_url, name), ENTRY)
    postgres_databases.take_back(name)

    again = postgres_databases.lend()

    url = url_of(postgres_url, again)
    assert again == name
    assert execute(url, "SELECT count(*) FROM audit_entry") == [(0,)]
    assert execute(url, ENTRY) == [(first,)]
    postgres_databases.take_back(again)


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE link ADD COLUMN added text",
        "CREATE TABLE added (id integer)",
        "DROP INDEX ix_link_owner_id",
        "UPDATE alembic_version SET version_num = '0001'",
    ],
)
def test_one_that_was_built_otherwise_is_dropped(
    postgres_url: str, postgres_databases: Databases, name: str, change: str
):
    execute(url_of(postgres_url, name), change)

    postgres_databases.take_back(name)

    found = execute(postgres_url, f"SELECT 1 FROM pg_database WHERE datname = '{name}'")
    assert found == []
