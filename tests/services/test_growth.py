"""How much space there was on which day: days are those of UTC, periods those of who looks."""

from datetime import datetime

import pytest
from conftest import NOW
from flask import Flask
from services.making import DAY, make_link, storage_of

from minifile.services.growth import read_space, read_user_space
from minifile.services.history import sample_usage


@pytest.mark.parametrize(
    ("since", "until", "days"),
    [
        # Such as a day of Kathmandu, and an hour.
        pytest.param("2026-11-21T18:15Z", "2026-11-22T18:15Z", [21, 22], id="east"),
        pytest.param("2026-11-22T12:00Z", "2026-11-22T13:00Z", [22], id="hour"),
        pytest.param("2026-11-21T00:00Z", "2026-11-22T00:00Z", [21], id="utc"),
        pytest.param("2026-11-22T01:00+01:00", "2026-11-23T01:00+01:00", [22], id="offset"),
    ],
)
def test_each_day_is_there_of_which_a_period_has_a_part(
    here: Flask, since: str, until: str, days: list[int]
):
    make_link(here, b"12345")
    for at in (NOW - DAY, NOW, NOW + DAY):
        sample_usage(storage=storage_of(here), now=at)
    between = datetime.fromisoformat(since), datetime.fromisoformat(until)

    assert [(each.day.day, each.size_bytes) for each in read_space(*between)] == [
        (day, 5) for day in days
    ]
    assert [each.day.day for each in read_user_space(1, *between)] == days
