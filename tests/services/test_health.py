"""Readiness: one sentence for each thing that is wrong."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from flask import Flask
from sqlalchemy import text

from minifile.config import migrations_path
from minifile.extensions import db
from minifile.services.health import list_problems
from minifile.storage import Storage
from minifile.storage.local import LocalStorage


def problems(app: Flask, storage: Storage | None = None, keep_free: int = 0) -> list[str]:
    instance = app.extensions["minifile"]
    return list_problems(
        storage=storage or instance.storage,
        limits=replace(instance.settings.limits, keep_free=keep_free),
        migrations=migrations_path(),
    )


def test_a_sound_instance_is_ready(everywhere: Flask):
    assert problems(everywhere) == []


def test_missing_migrations_are_named_with_the_command(everywhere: Flask):
    with db.engine.begin() as connection:
        connection.execute(text("DELETE FROM alembic_version"))

    assert problems(everywhere) == ["The database lacks migrations. Run: minifile db upgrade"]


def test_too_little_free_space_names_the_setting(here: Flask):
    assert problems(here, keep_free=2**62) == ["Less space is free than KEEP_FREE asks for."]


def test_a_storage_that_can_not_be_written_is_named(here: Flask, tmp_path: Path):
    (tmp_path / "file").touch()

    found = problems(here, LocalStorage(tmp_path / "file" / "uploads"))

    assert "Uploads can't be written: Not a directory." in found


def test_a_database_that_does_not_answer_is_named(make_app: Callable[..., Flask], tmp_path: Path):
    app = make_app(database_url=f"sqlite:///{tmp_path}/no/such/folder/x.sqlite")

    with app.app_context():
        assert problems(app) == ["The database does not answer."]
