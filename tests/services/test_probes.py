"""What is said of databases and storages, whether they can be used or not."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import settings_of
from flask import Flask
from sqlalchemy import create_engine, make_url, text

from minifile.config import migrations_path
from minifile.extensions import db
from minifile.server.sizing import database_connections
from minifile.services.probes import probe_database, probe_space, probe_storage
from minifile.services.schema import newest_revision
from minifile.storage.local import LocalStorage
from minifile.values import Level, Verdict

OK, WARNING, WRONG = Level.OK, Level.WARNING, Level.WRONG
SERVER = "postgresql+psycopg://alice:hidden"


def probe(url: str, connections: int = 32) -> list[Verdict]:
    return list(probe_database(url, migrations=migrations_path(), connections=connections))


def faults(verdicts: list[Verdict]) -> list[tuple[Level, str]]:
    return [(each.level, each.sentence) for each in verdicts if each.level is not OK]


def test_a_sound_database_is_told_with_its_version_and_schema(everywhere: Flask):
    found = probe(settings_of(everywhere).database_url)

    assert faults(found) == []
    assert found[0].sentence.startswith(("SQLite 3.", "PostgreSQL "))
    assert newest_revision(migrations_path()) in found[-1].sentence


def test_a_database_that_lacks_migrations_is_told_with_what_helps(everywhere: Flask):
    with db.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))

    ((level, sentence),) = faults(probe(settings_of(everywhere).database_url))

    assert "It stands at 0001 and lacks " in sentence
    if settings_of(everywhere).uses_sqlite:
        assert level is WARNING
        assert sentence.endswith("minifile serve upgrades it at its start.")
    else:
        assert level is WRONG
        assert sentence.endswith("Run: minifile db upgrade")


def test_a_database_of_a_newer_version_is_a_warning(everywhere: Flask):
    with db.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    ((level, sentence),) = faults(probe(settings_of(everywhere).database_url))

    assert level is WARNING
    assert "made by a newer minifile" in sentence


def test_an_empty_database_holds_no_tables(tmp_path: Path):
    create_engine(f"sqlite:///{tmp_path}/x.sqlite").connect().close()

    ((level, sentence),) = faults(probe(f"sqlite:///{tmp_path}/x.sqlite"))

    assert level is WARNING
    assert sentence.startswith("It holds no tables of minifile.")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "The folder {folder} does not exist."),
        (b"no database" * 100, "The file {folder}/x.sqlite is damaged, or no SQLite database."),
    ],
    ids=["no-folder", "no-database"],
)
def test_a_sqlite_file_that_can_not_be_used_is_told(
    tmp_path: Path, content: bytes | None, sentence: str
):
    folder = tmp_path / "data"
    if content is not None:
        folder.mkdir()
        (folder / "x.sqlite").write_bytes(content)

    found = probe(f"sqlite:///{folder}/x.sqlite")

    assert faults(found) == [(WRONG, sentence.format(folder=folder))]


def test_a_sqlite_file_that_does_not_exist_yet_is_not_made(tmp_path: Path):
    found = probe(f"sqlite:///{tmp_path}/x.sqlite")

    assert faults(found) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("place", "sentence"),
    [
        ("localhost:1/minifile", "Nothing answers at localhost port 1."),
        ("no-such-host.invalid/minifile", "The host no-such-host.invalid is not known."),
        ("/minifile?host=/no/such/folder", "Nothing answers at /no/such/folder port 5432."),
    ],
    ids=["nobody-there", "unknown-host", "no-socket"],
)
def test_a_server_that_can_not_be_reached_is_told_without_the_password(place: str, sentence: str):
    found = probe(f"{SERVER}@{place}")

    assert faults(found) == [(WRONG, sentence)]


@pytest.mark.postgres
def test_a_database_or_user_that_is_missing_is_told(postgres_url: str):
    url = make_url(postgres_url)
    shown = [url.set(database="charlies"), url.set(username="charlie")]

    found = [probe(each.render_as_string(hide_password=False)) for each in shown]

    assert [faults(each) for each in found] == [
        [(WRONG, "There is no database charlies; createdb makes it.")],
        [(WRONG, "There is no user charlie.")],
    ]


@pytest.fixture
def guarded_url(postgres_url: str) -> Iterator[str]:
    """The server's address for bob, who needs a password and gives a wrong one."""
    engine = create_engine(postgres_url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        path = connection.execute(text("SHOW hba_file")).scalar_one()
        rules = connection.execute(text("SELECT pg_read_file(:path)"), {"path": path}).scalar_one()
        guarded = f"local all bob scram-sha-256\nhost all bob all scram-sha-256\n{rules}"
        connection.execute(text("CREATE ROLE bob LOGIN PASSWORD 'right'"))
        _write(connection, path, guarded)
        url = make_url(postgres_url).set(username="bob", password="hidden")
        yield url.render_as_string(hide_password=False)
        _write(connection, path, rules)
        connection.execute(text("DROP ROLE bob"))
    engine.dispose()


def _write(connection, path: str, rules: str) -> None:
    # By the server, whose file it is.
    lines = [line for line in rules.splitlines() if line and not line.startswith("#")]
    rows = ", ".join(f"('{line}')" for line in lines)
    connection.execute(text(f"COPY (VALUES {rows}) TO '{path}'"))
    connection.execute(text("SELECT pg_reload_conf()"))


@pytest.mark.postgres
def test_a_wrong_password_is_told_and_not_shown(guarded_url: str):
    found = faults(probe(guarded_url))

    assert found == [(WRONG, "The password for the user bob is wrong.")]


@pytest.mark.postgres
def test_fewer_connections_than_the_processes_may_open_are_a_warning(postgres_url: str):
    found = probe(postgres_url, connections=10_000)

    assert found[1].level is WARNING
    assert "this machine may ask for 10000" in found[1].sentence


@pytest.mark.postgres
def test_the_connections_of_a_process_are_those_of_its_pool(
    postgres_url: str, make_app: Callable[..., Flask]
):
    app = make_app(database_url=postgres_url, secret_key="a key that only tests use")

    with app.app_context():
        pool = db.engine.pool
        locks = 1
        assert database_connections(1) == pool.size() + pool._max_overflow + locks


def test_a_storage_that_can_be_used_is_left_as_it_was(tmp_path: Path):
    storage = LocalStorage(tmp_path)

    assert probe_storage(storage).level is OK
    assert list(tmp_path.iterdir()) == []


def test_a_storage_that_can_not_be_written_is_told(tmp_path: Path):
    (tmp_path / "file").touch()

    found = probe_storage(LocalStorage(tmp_path / "file" / "uploads"))

    assert (found.level, found.sentence) == (WRONG, "Uploads can't be written: Not a directory.")


@pytest.mark.parametrize(("keep_free", "level"), [(0, OK), (2**62, WRONG)], ids=["room", "no-room"])
def test_free_space_is_held_against_what_must_stay_free(
    tmp_path: Path, keep_free: int, level: Level
):
    assert probe_space(LocalStorage(tmp_path), keep_free).level is level
