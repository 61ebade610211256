"""Is the database at the schema that this version needs?"""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from flask import Flask
from sqlalchemy import text

from minifile.config import migrations_path
from minifile.errors import SchemaOutdated
from minifile.extensions import db
from minifile.services.schema import check_schema, newest_revision


def test_a_migrated_database_is_fine(everywhere: Flask):
    check_schema(migrations_path())


def test_the_newest_revision_is_the_one_that_alembic_ends_at():
    """If not, a new migration is not numbered: give its file and it the next number."""
    revisions = ScriptDirectory(str(migrations_path()))

    assert revisions.get_heads() == [newest_revision(migrations_path())]


def test_an_empty_database_is_outdated(make_app: Callable[..., Flask], tmp_path: Path):
    app = make_app(database_url=f"sqlite:///{tmp_path}/empty.sqlite")

    with app.app_context(), pytest.raises(SchemaOutdated, match="Run: minifile db upgrade"):
        check_schema(migrations_path())


def test_a_version_whose_newest_migration_is_missing_does_not_serve(
    everywhere: Flask, tmp_path: Path
):
    newer = shutil.copytree(migrations_path(), tmp_path / "migrations")
    (newer / "versions" / "9999_next.py").write_text('revision, down_revision = "9999", "0002"\n')

    with pytest.raises(SchemaOutdated):
        check_schema(newer)


def test_a_version_serves_a_database_that_a_newer_one_has_added_to(everywhere: Flask):
    with db.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    check_schema(migrations_path())


def test_a_revision_that_is_none_of_ours_does_not_fit(here: Flask):
    with db.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'abcd'"))

    with pytest.raises(SchemaOutdated):
        check_schema(migrations_path())
