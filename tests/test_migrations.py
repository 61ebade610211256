"""Migrations: from nothing to the models and back, whole or not at all, on both databases."""

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import flask_migrate
import pytest
from conftest import MINIFILE
from flask import Flask
from services.making import begin, codes_left, make_link
from sqlalchemy import inspect, text

from minifile.cli.db import prepare_migrations
from minifile.config import migrations_path
from minifile.extensions import Base, db
from minifile.models import Delivery, File, Slot
from minifile.services.schema import check_schema

ROOT = Path(__file__).parent.parent
FLASK = [sys.executable, "-m", "flask", "--app", "wsgi"]
# Changes tables and rows in every way that a migration may, and then fails.
BROKEN = """
import sqlalchemy as sa
from alembic import op

revision, down_revision = "9999", "{head}"

def upgrade():
    op.create_table("half_done", sa.Column("id", sa.Integer, primary_key=True))
    op.execute("INSERT INTO half_done VALUES (1)")
    with op.batch_alter_table("link") as batch:
        batch.add_column(sa.Column("half", sa.Text()))
        batch.alter_column("note", existing_type=sa.Text(), type_=sa.String(10))
    op.execute("UPDATE link SET note = 'changed'")
    op.drop_table("delivery")
    {end}
"""


@pytest.fixture
def migrated(any_database_app: Flask) -> Iterator[Flask]:
    """The application on a migrated database with a link, and somebody who fetches it."""
    with any_database_app.app_context():
        prepare_migrations(any_database_app)
        begin(make_link(any_database_app, b"one", b"two"))
        db.session.remove()
        yield any_database_app


def tables() -> set[str]:
    with db.engine.connect() as connection:
        return set(inspect(connection).get_table_names()) - {"rate_counter", "sqlite_sequence"}


def rows(model: type[Base]) -> int:
    count = db.session.scalar(db.select(db.func.count()).select_from(model)) or 0
    db.session.commit()
    return count


def with_next_migration(folder: Path, end: str) -> str:
    """Return a copy of the migrations with one more, whose last line is `end`."""
    copy = folder / "migrations"
    shutil.copytree(migrations_path(), copy, ignore=shutil.ignore_patterns("__pycache__"))
    head = max(path.name for path in (copy / "versions").glob("*.py"))[:4]
    (copy / "versions" / "9999_next.py").write_text(BROKEN.format(head=head, end=end))
    return str(copy)


def test_the_models_need_no_migration_that_is_not_there(migrated: Flask):
    flask_migrate.check(directory=str(migrations_path()))


def test_a_migrated_database_has_the_tables_of_the_models(migrated: Flask):
    assert tables() == {*Base.metadata.tables, "alembic_version"}


@pytest.mark.sqlite
def test_a_migrated_database_never_gives_the_id_of_a_deleted_row_again(app: Flask):
    with closing(
        sqlite3.connect(app.extensions["minifile"].settings.instance_path / "minifile.sqlite")
    ) as database:
        counted = database.execute(
            "SELECT name FROM sqlite_master WHERE sql LIKE '%AUTOINCREMENT%'"
        ).fetchall()

    tables = Base.metadata.sorted_tables
    assert {name for (name,) in counted} == {
        table.name for table in tables if table.kwargs.get("sqlite_autoincrement")
    }


def test_it_goes_down_to_nothing_and_up_again_with_rows_in_the_tables(migrated: Flask):
    flask_migrate.downgrade(directory=str(migrations_path()), revision="base")
    below = tables()
    flask_migrate.upgrade(directory=str(migrations_path()))
    again = make_link(migrated)

    assert below == {"alembic_version"}
    assert codes_left() == {again.code}
    flask_migrate.check(directory=str(migrations_path()))


def test_an_upgrade_of_what_is_at_the_head_changes_nothing(migrated: Flask):
    flask_migrate.upgrade(directory=str(migrations_path()))

    assert (rows(File), rows(Slot), rows(Delivery)) == (2, 1, 1)


def test_a_migration_that_fails_leaves_nothing(migrated: Flask, tmp_path: Path):
    before, codes = tables(), codes_left()
    directory = with_next_migration(tmp_path, "raise LookupError('broken off')")

    with pytest.raises(LookupError, match="broken off"):
        flask_migrate.upgrade(directory=directory)

    assert tables() == before
    assert (codes_left(), rows(File), rows(Slot), rows(Delivery)) == (codes, 2, 1, 1)
    check_schema(migrations_path())
    flask_migrate.check(directory=str(migrations_path()))


def test_a_migration_that_makes_a_table_anew_keeps_what_refers_to_it(
    migrated: Flask, tmp_path: Path
):
    codes = codes_left()
    directory = with_next_migration(tmp_path, "op.execute('DELETE FROM half_done')")

    flask_migrate.upgrade(directory=directory)

    assert (codes_left(), rows(File), rows(Slot)) == (codes, 2, 1)


def test_foreign_keys_are_held_again_after_a_migration(migrated: Flask):
    flask_migrate.upgrade(directory=str(migrations_path()))

    with db.engine.begin() as connection:
        connection.execute(text("DELETE FROM link"))

    assert (rows(File), rows(Slot), rows(Delivery)) == (0, 0, 0)


@pytest.mark.parametrize("command", [MINIFILE, FLASK], ids=["minifile", "flask"])
def test_the_command_upgrades_from_nothing(app: Flask, tmp_path: Path, command: list[str]):
    environment = {**os.environ, "MINIFILE_INSTANCE_PATH": str(tmp_path / "new")}

    done = subprocess.run(
        [*command, "db", "upgrade"],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert schema(tmp_path / "new") == schema(tmp_path / "instance")


def schema(folder: Path) -> list[tuple[str, list[str]]]:
    """Return all that SQLite knows of the tables in an instance folder.

    A table that was made anew has its constraints in an order that means nothing.
    """
    with closing(sqlite3.connect(folder / "minifile.sqlite")) as database:
        rows = database.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()
    return [
        (name, sorted(line.strip(" ,") for line in (sql or "").split("\n"))) for name, sql in rows
    ]
