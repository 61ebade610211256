"""A replayed day: every number is what really happened, before and after it was rolled up."""

from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from conftest import SECRET_KEY, dispose
from flask import Flask
from people import make_user
from replay.comparing import (
    BERLIN,
    Differences,
    compare_details,
    compare_read_api,
    pin_fuzzy,
    report,
)
from replay.day import END, START, Day
from replay.metrics import TOKEN, compare_metrics
from replay.privacy import (
    found_in_files,
    found_in_rows,
    found_in_texts,
    mixed_up_visitors,
    secrets_of,
    traces_of,
)
from replay.reading import Reader
from replay.showing import SHOWN_IN, compare_shown
from replay.world import World, clocked_server

from minifile import create_app
from minifile.extensions import db
from minifile.identity import BY_SHELL, Scope, UserRole
from minifile.services.api_tokens import create_token
from minifile.services.users import UserRecord


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def world(
    request: pytest.FixtureRequest, tmp_path: Path, make_postgres_database: Callable[[], str]
) -> Iterator[World]:
    url = None if request.param == "sqlite" else make_postgres_database()
    with clocked_server(tmp_path, START, url, metrics_token=TOKEN) as started:
        yield started
        assert "Traceback" not in started.server.log()


@pytest.fixture
def app(world: World) -> Iterator[Flask]:
    """The same instance in this process, for reading."""
    database = {"database_url": world.database_url} if world.database_url else {}
    key = {"secret_key": SECRET_KEY} if world.database_url else {}
    app = create_app({"instance_path": world.server.instance_path, **database, **key})
    yield app
    dispose(app)


@pytest.mark.timeout(300)
def test_every_number_is_what_happened(world: World, app: Flask) -> None:
    _replay(world, app, actions=220, links=15, most_links=3)


@pytest.mark.torture
def test_every_number_of_ten_thousand_deliveries_is_what_happened(world: World, app: Flask) -> None:
    _replay(world, app, actions=8600, links=160, purge_every=1500)


def _replay(
    world: World, app: Flask, *, actions: int, links: int, purge_every: int = 0,
    most_links: int | None = None,
) -> None:  # fmt: skip
    users = [make_user(app, name) for name in ("Alice", "Bob")]
    uploading = {each.id: _token(app, each, Scope.UPLOAD) for each in users}
    reader = Reader(
        world,
        {each.id: _token(app, each, Scope.READ) for each in users},
        _token(app, make_user(app, "Carol", role=UserRole.ADMIN), Scope.ADMIN),
    )
    day = Day(world, seed=7, tokens=uploading)
    day.make_links(links)
    day.plan(actions)
    day.happen(lambda number: _purge_at(world, number, purge_every))
    world.learn_ids()
    addresses = set(traces_of(day.crowd.addresses))
    known = secrets_of(world)
    assert known.salts
    assert known.hashes
    _nothing(pin_fuzzy(world, app))
    world.truth.settle()
    _nothing(compare_read_api(world, app))
    _nothing(compare_details(world, app))
    _nothing(compare_metrics(world))
    _nothing(compare_shown(reader, SHOWN_IN, most_links=most_links))
    assert mixed_up_visitors(world) == []
    _end_days(world, app, reader, most_links)
    assert found_in_texts(reader.seen, addresses) == []
    assert _where(world, known.salts) == []
    assert _where(world, known.hashes) == []
    assert _where(world, addresses) == []


def _end_days(world: World, app: Flask, reader: Reader, most_links: int | None) -> None:
    """Let time go by: slots end, keys are destroyed, details are dropped. No number changes."""
    for later in (timedelta(hours=25), timedelta(days=2), timedelta(days=40)):
        world.clock.set(END + later)
        world.purge()
        _nothing(compare_read_api(world, app))
        # Of what is rolled up once, all zones are shown when the details are gone.
        zones = SHOWN_IN if later > timedelta(days=30) else [BERLIN]
        _nothing(compare_shown(reader, zones, most_links=most_links))
        _nothing(compare_metrics(world))
    assert world.rows("SELECT count(*) FROM slot") == [(0,)]


def _where(world: World, wanted: Iterable[bytes]) -> list[str]:
    return found_in_files(world, wanted) + found_in_rows(world, wanted)


def _purge_at(world: World, number: int, every: int) -> None:
    if every and number % every == every - 1:
        world.purge()


def _nothing(differences: Differences) -> None:
    assert not differences, report(differences)


def _token(app: Flask, user: UserRecord, scope: Scope) -> str:
    with app.app_context():
        token, _ = create_token(
            user.id, "replay", (scope,), lifetime=None, actor=BY_SHELL, now=START
        )
        db.session.remove()
    return token
