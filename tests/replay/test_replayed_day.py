"""A replayed day: every number is what really happened, before and after it was rolled up."""

from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from conftest import SECRET_KEY, dispose
from flask import Flask
from people import make_user
from replay.comparing import (
    Differences,
    compare_details,
    compare_read_api,
    pin_fuzzy,
    report,
)
from replay.day import END, START, Day
from replay.privacy import (
    found_in_files,
    found_in_rows,
    mixed_up_visitors,
    secrets_of,
    traces_of,
)
from replay.world import World, clocked_server

from minifile import create_app
from minifile.extensions import db
from minifile.identity import BY_SHELL, Scope
from minifile.services.api_tokens import create_token


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def world(
    request: pytest.FixtureRequest, tmp_path: Path, make_postgres_database: Callable[[], str]
) -> Iterator[World]:
    url = None if request.param == "sqlite" else make_postgres_database()
    with clocked_server(tmp_path, START, url) as started:
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


@pytest.mark.timeout(120)
def test_every_number_is_what_happened(world: World, app: Flask) -> None:
    _replay(world, app, actions=220, links=15)


@pytest.mark.torture
def test_every_number_of_ten_thousand_deliveries_is_what_happened(world: World, app: Flask) -> None:
    _replay(world, app, actions=8600, links=160, purge_every=1500)


def _replay(world: World, app: Flask, *, actions: int, links: int, purge_every: int = 0) -> None:
    day = Day(world, seed=7, tokens=_tokens(app, "Alice", "Bob"))
    day.make_links(links)
    day.plan(actions)
    day.happen(lambda number: _purge_at(world, number, purge_every))
    world.learn_ids()
    addresses = set(traces_of(day.crowd.addresses))
    known = secrets_of(world)
    assert known.salts
    assert known.hashes
    _nothing(pin_fuzzy(world, app))
    _nothing(compare_read_api(world, app))
    _nothing(compare_details(world, app))
    assert mixed_up_visitors(world) == []
    _end_days(world, app)
    assert _where(world, known.salts) == []
    assert _where(world, known.hashes) == []
    assert _where(world, addresses) == []


def _end_days(world: World, app: Flask) -> None:
    """Let time go by: slots end, keys are destroyed, details are dropped. No number changes."""
    for later in (timedelta(hours=25), timedelta(days=2), timedelta(days=40)):
        world.clock.set(END + later)
        world.purge()
        _nothing(compare_read_api(world, app))
    assert world.rows("SELECT count(*) FROM slot") == [(0,)]


def _where(world: World, wanted: Iterable[bytes]) -> list[str]:
    return found_in_files(world, wanted) + found_in_rows(world, wanted)


def _purge_at(world: World, number: int, every: int) -> None:
    if every and number % every == every - 1:
        world.purge()


def _nothing(differences: Differences) -> None:
    assert not differences, report(differences)


def _tokens(app: Flask, *names: str) -> dict[int, str]:
    """Make users with tokens to upload with, and return those by the users' ids."""
    tokens = {}
    for name in names:
        user = make_user(app, name)
        with app.app_context():
            tokens[user.id], _ = create_token(
                user.id, "replay", (Scope.UPLOAD,), lifetime=None, actor=BY_SHELL, now=START
            )
            db.session.remove()
    return tokens
