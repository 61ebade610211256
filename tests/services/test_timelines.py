"""Timelines: days, weeks and months of any zone are the quarters of an hour they are made of."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random
from zoneinfo import ZoneInfo

import pytest
from conftest import NOW
from flask import Flask
from sqlalchemy import delete, event

from minifile.extensions import db, write_transaction
from minifile.models import Tally
from minifile.policy.timelines import Step, TallyStep, edges, quarter
from minifile.services.analytics import extent, timeline
from minifile.services.counts import Counts, Subject, TallyScope
from minifile.services.tallies import Sums

SUBJECT = Subject(TallyScope.USER, 7)
SINCE, UNTIL = datetime(2025, 2, 20, tzinfo=UTC), datetime(2026, 4, 20, tzinfo=UTC)
ZONES = [
    *(
        "UTC",
        "Europe/London",
        "Europe/Berlin",
        "America/Los_Angeles",
        "Asia/Kathmandu",
        "Australia/Lord_Howe",
    ),
    # Their days are a day ahead, begin at one o'clock once a year, and are nearly two days behind.
    *("Pacific/Auckland", "America/Santiago", "Pacific/Kiritimati", "Pacific/Pago_Pago"),
]


@pytest.fixture
def happened(everywhere: Flask) -> dict[int, int]:
    """Downloads by quarter, with some at each midnight of each zone, and their tallies."""
    random = Random(7)
    found = {quarter(SINCE + (UNTIL - SINCE) * random.random()): 1 for _ in range(300)}
    for zone in ZONES:
        for edge in random.sample(edges(SINCE, UNTIL, Step.DAY, ZoneInfo(zone)), 40):
            found |= {quarter(edge) + beside: random.randrange(1, 9) for beside in (-1, 0)}
    sums = Sums()
    for at, count in found.items():
        sums.add([SUBJECT], at, {"downloads": count, "bytes_sent": at * count})
        sums.add([Subject(TallyScope.USER, 8)], at, {"downloads": 1000})
    with write_transaction() as session:
        sums.write(session)
    return found


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("step", [Step.DAY, Step.WEEK, Step.MONTH])
def test_the_steps_of_a_year_are_what_happened_in_them(
    happened: dict[int, int], zone: str, step: Step
):
    bounds = edges(SINCE + timedelta(days=5), UNTIL - timedelta(days=5), step, ZoneInfo(zone))

    found = timeline(SUBJECT, bounds, now=NOW)

    assert found == [
        Counts(
            downloads=sum(count for at, count in happened.items() if first <= at < stop),
            bytes_sent=sum(at * count for at, count in happened.items() if first <= at < stop),
        )
        for first, stop in pairwise(map(quarter, bounds))
    ]


def test_a_year_by_weeks_reads_hundreds_of_rows_not_tens_of_thousands(happened: dict[int, int]):
    bounds = edges(SINCE, UNTIL, Step.WEEK, ZoneInfo("Europe/Berlin"))
    asked: list[str] = []
    listen = (db.engine, "before_cursor_execute", lambda *given: asked.append(given[2]))

    event.listen(*listen)
    timeline(SUBJECT, bounds, now=NOW)
    event.remove(*listen)

    days, beside_midnight = (each for each in asked if "FROM tally" in each)
    assert "IN (" not in days
    # Four quarters in summer and eight in winter, at each of 61 edges.
    assert 61 * 4 < beside_midnight.count(", 1") < 61 * 8


def test_all_of_an_account_begins_with_its_oldest_day(happened: dict[int, int], everywhere: Flask):
    oldest = min(happened)
    before = extent(SUBJECT, now=NOW)
    with write_transaction() as session:
        is_old = (Tally.at < quarter(NOW)) & (Tally.step == TallyStep.QUARTER.value)
        session.execute(delete(Tally).where(is_old))

    after = extent(SUBJECT, now=NOW)

    assert quarter(before[0]) == oldest
    assert quarter(after[0]) == oldest - oldest % 96
    assert after[1] == before[1]
    assert sum(timeline(SUBJECT, after, now=NOW), Counts()).downloads == sum(happened.values())
