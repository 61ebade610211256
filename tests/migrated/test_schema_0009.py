"""A database of the version before accounts, as that version left it, upgraded to this one."""

import ast
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import flask_migrate
import pytest
import time_machine
from cast import downloads, stored_link
from conftest import browser, settings_of, shell
from flask import Flask
from sqlalchemy import JSON, Boolean, Connection, Date, DateTime, LargeBinary, MetaData, Table, text

from minifile.cli.db import prepare_migrations
from minifile.config import migrations_path
from minifile.extensions import db

MADE = json.loads((Path(__file__).parent / "schema_0009.json").read_text())
SAID: dict[str, Any] = MADE["said"]
# An hour after it was made.
THEN = datetime(2026, 11, 25, 20, 36, tzinfo=UTC)


@pytest.fixture
def upgraded(any_database_app: Flask) -> Iterator[Flask]:
    """The application on what the older version has left: its rows, and its blobs."""
    app = any_database_app
    with app.app_context():
        prepare_migrations(app)
        flask_migrate.downgrade(directory=str(migrations_path()), revision="0009")
        db.session.remove()
        with db.engine.begin() as connection:
            write_rows(connection)
        flask_migrate.upgrade(directory=str(migrations_path()))
        db.session.remove()
    for path, content in MADE["blobs"].items():
        blob = settings_of(app).instance_path / "uploads" / path
        blob.parent.mkdir(parents=True, exist_ok=True)
        blob.write_text(content)
    with time_machine.travel(THEN, tick=True):
        yield app


def write_rows(connection: Connection) -> None:
    tables = MetaData()
    tables.reflect(connection)
    for table in tables.sorted_tables:
        for row in MADE["rows"].get(table.name, []):
            values = {name: as_kept(table, name, value) for name, value in row.items()}
            connection.execute(table.insert().values(values))
        if "id" in table.c and connection.dialect.name == "postgresql":
            counted = f"SELECT coalesce(max(id), 1) FROM {table.name}"
            sequence = f"pg_get_serial_sequence('{table.name}', 'id')"
            connection.execute(text(f"SELECT setval({sequence}, ({counted}))"))


def as_kept(table: Table, name: str, value: Any) -> Any:
    """Return what the column keeps for what SQLite had, as JSON wrote it down."""
    kind = table.c[name].type
    if value is None:
        return None
    if isinstance(kind, DateTime):
        return datetime.fromisoformat(value).replace(tzinfo=UTC)
    if isinstance(kind, Date):
        return date.fromisoformat(value)
    if isinstance(kind, Boolean):
        return bool(value)
    if isinstance(kind, JSON):
        return json.loads(value)
    return ast.literal_eval(value) if isinstance(kind, LargeBinary) else value


def fetch(app: Flask, path: str, **headers: str):
    return shell(app, "198.51.100.4").get(path, buffered=True, headers=headers)


def test_every_link_gives_its_bytes(upgraded: Flask):
    plain, locked, bundle = (SAID[name]["code"] for name in ("plain", "locked", "bundle"))

    assert fetch(upgraded, f"/{plain}/plain.txt").data == b"plain bytes"
    assert fetch(upgraded, f"/{locked}/locked.txt").status_code == 401
    opened = fetch(upgraded, f"/{locked}/locked.txt", **{"X-Link-Password": "the word"})
    assert opened.data == b"locked bytes"
    assert fetch(upgraded, f"/{bundle}/a/one.txt").data == b"one"
    assert fetch(upgraded, f"/{bundle}/two.txt").data == b"two"
    assert fetch(upgraded, f"/{bundle}.zip").data[:2] == b"PK"
    assert fetch(upgraded, f"/{SAID['revoked']['code']}").status_code == 410


def test_what_was_counted_counts(upgraded: Flask):
    code = SAID["limited"]["code"]

    second, third = (fetch(upgraded, f"/{code}/limited.txt") for _ in range(2))

    assert (second.status_code, second.data) == (200, b"limited bytes")
    assert third.status_code == 410
    assert downloads(upgraded, code) == 2


def test_senders_still_look_after_their_links(upgraded: Flask):
    plain, locked = SAID["plain"], SAID["locked"]
    client = browser(upgraded)
    with client.session_transaction() as session:
        session["browser"] = SAID["browser"]

    assert plain["code"] in client.get("/links/").text
    assert client.get(f"/links/{plain['code']}").status_code == 200
    ended = shell(upgraded).delete(f"/links/{locked['code']}/{locked['owner_token']}")
    assert ended.status_code == 200
    assert fetch(upgraded, f"/{locked['code']}").status_code == 410


def test_old_links_belong_to_nobody_and_are_public(upgraded: Flask):
    row = stored_link(upgraded, SAID["plain"]["code"])

    assert (row.owner_id, row.is_private, row.parent_id, row.note) == (None, False, None, "a note")


def test_an_upload_that_was_begun_before_goes_on(upgraded: Flask):
    answer = shell(upgraded).patch(
        f"/tus/{SAID['partial']}", data=b"second",
        content_type="application/offset+octet-stream",
        headers={"Tus-Resumable": "1.0.0", "Upload-Offset": "6"},
    )  # fmt: skip

    assert answer.status_code == 204, answer.text
    code = answer.headers["X-Short-Link"].rpartition("/")[2]
    assert fetch(upgraded, f"/{code}/resumed.txt").data == b"first second"
