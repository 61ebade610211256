"""What looking at numbers costs: with a million deliveries, and with an export of 100,000."""

import time
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from statistics import median
from zoneinfo import ZoneInfo

import pytest
from conftest import shell
from counting import count
from flask import Flask
from flask.testing import FlaskClient
from people import make_user, with_token
from replay.filling import Filled, fill_analytics

from minifile.extensions import db
from minifile.identity import Scope, UserRole
from minifile.policy.timelines import Step, edges
from minifile.services import analytics
from minifile.services.counts import EVERYTHING, Subject, TallyScope
from minifile.services.details import iterate_deliveries
from minifile.services.top_links import top_links

pytestmark = [pytest.mark.torture, pytest.mark.timeout(1800)]

# Pages go by the real clock.
NOW = datetime.now(UTC)
DELIVERIES = 1_000_000
DETAILS = 100_000
BERLIN = ZoneInfo("Europe/Berlin")
YEAR = timedelta(days=365)
# A page asks several such questions, and has 200 ms for all.
MOST_SECONDS = 0.1
MOST_SECONDS_OF_A_PAGE = 0.2
# As many rows of an export as are held at once, with room to spare.
MOST_BYTES = 16 * 2**20


Fill = Callable[[int], Filled]


@pytest.fixture
def owner(any_database_app: Flask) -> int:
    return make_user(any_database_app, "Alice").id


@pytest.fixture
def fill(any_database_app: Flask, owner: int) -> Fill:
    """Return what writes so many deliveries, and 100,000 single ones."""

    def filled(deliveries: int) -> Filled:
        with any_database_app.app_context():
            made = fill_analytics(
                db.engine,
                deliveries=deliveries,
                links=10_000,
                details=DETAILS,
                owner_id=owner,
                now=NOW,
            )
            if db.engine.dialect.name == "postgresql":
                _analyze()
        return made

    return filled


def test_questions_are_answered_at_once_with_a_million_deliveries(
    any_database_app: Flask, owner: int, fill: Fill
) -> None:
    app, made = any_database_app, fill(DELIVERIES)
    since, until = NOW - YEAR - timedelta(days=1), NOW + timedelta(days=1)
    days, hours = (
        edges(since, until, Step.DAY, BERLIN),
        edges(NOW - timedelta(days=30), until, Step.HOUR, BERLIN),
    )
    seconds: dict[str, float] = {}
    with app.app_context():
        for name, subject in (
            ("link", Subject(TallyScope.LINK, made.link_id)),
            ("file", Subject(TallyScope.FILE, made.link_id)),
            ("user", Subject(TallyScope.USER, owner)),
            ("all", EVERYTHING),
        ):
            counts = count(subject, since, until, now=NOW)
            expected = DELIVERIES // 2 if name in ("link", "file") else DELIVERIES
            assert counts.deliveries == expected
            for what, ask in (
                ("days", lambda s=subject: analytics.timeline(s, days, now=NOW)),
                ("hours", lambda s=subject: analytics.timeline(s, hours, now=NOW)),
                ("families", lambda s=subject: _by_family(s)),
            ):
                seconds[f"{name} {what}"] = _seconds(ask)
        for name, who in (("user", Subject(TallyScope.USER, owner)), ("all", EVERYTHING)):
            seconds[f"{name} top"] = _seconds(
                lambda w=who: top_links(w, since, until, limit=10, now=NOW)
            )
    print({name: round(value * 1000) for name, value in seconds.items()})
    assert {name: value for name, value in seconds.items() if value > MOST_SECONDS} == {}


def test_single_deliveries_are_exported_in_constant_memory(
    any_database_app: Flask, fill: Fill
) -> None:
    # The tallies are no part of it.
    made = fill(1000)
    with any_database_app.app_context():
        tracemalloc.start()
        count = sum(1 for _ in iterate_deliveries(made.link_id, now=NOW))
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert count == DETAILS
    assert most < MOST_BYTES


def test_pages_are_there_at_once_with_a_million_deliveries(
    any_database_app: Flask, fill: Fill
) -> None:
    app, made = any_database_app, fill(DELIVERIES)
    carol = make_user(app, "Carol", role=UserRole.ADMIN)
    seconds: dict[str, float] = {}
    for name, client, path in (
        ("link", shell(app), _link_path(made)),
        ("user", with_token(app, make_user(app, "Alice"), Scope.READ), "/account/analytics"),
        ("all", with_token(app, carol, Scope.ADMIN), "/admin/analytics"),
    ):
        for stretch in ("month", "year"):
            address = f"{path}?range={stretch}&zone=Europe/Berlin"
            assert 'id="downloads-numbers"' in client.get(address).text
            seconds[f"{name} {stretch}"] = _seconds(lambda c=client, a=address: c.get(a).text)
    print({name: round(value * 1000) for name, value in seconds.items()})
    slow = {name: value for name, value in seconds.items() if value > MOST_SECONDS_OF_A_PAGE}
    assert slow == {}


def test_an_export_of_single_deliveries_is_sent_in_constant_memory(
    any_database_app: Flask, fill: Fill
) -> None:
    made = fill(1000)
    client: FlaskClient = shell(any_database_app)
    address = f"{_link_path(made)}/deliveries.csv"
    # What is loaded by the first request stays.
    client.get(f"{address}?range=day")
    tracemalloc.start()
    with client.get(address, buffered=False) as answer:
        lines = sum(piece.count(b"\r\n") for piece in answer.iter_encoded())
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert lines == 1 + DETAILS
    assert most < MOST_BYTES


def _link_path(made: Filled) -> str:
    return f"/links/{made.code}/{made.owner_token}/analytics"


def _analyze() -> None:
    """Let PostgreSQL know what is in its tables, as it does by itself after a while."""
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE")


def _by_family(subject: Subject) -> object:
    return analytics.break_down(
        subject, NOW - YEAR - timedelta(days=1), NOW + timedelta(days=1), limit=10
    )


def _seconds(ask: Callable[[], object]) -> float:
    """Return the median of some times; the first one may have to read the disk."""
    times = []
    for _ in range(6):
        began = time.perf_counter()
        ask()
        times.append(time.perf_counter() - began)
    return median(times[1:])
