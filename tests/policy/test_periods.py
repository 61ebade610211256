"""Which stretch of time is asked for, by whose clock, and into how many steps it is divided."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from minifile.errors import BadOption
from minifile.policy.periods import (
    RANGES,
    choose_step,
    divide,
    find_zone,
    midnight,
    read_day,
    since_range,
)
from minifile.policy.timelines import MAX_STEPS, Step

BERLIN, KATHMANDU, UTC_ZONE = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Kathmandu"), ZoneInfo("UTC")
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def refusal_of(error: pytest.ExceptionInfo[BadOption]) -> str:
    """Return what is said, after a look at whether it is one sentence."""
    said = str(error.value)
    assert said.endswith(".")
    assert "\n" not in said
    return said


@pytest.mark.parametrize(
    ("name", "zone", "since"),
    [
        ("day", UTC_ZONE, "2026-11-21 13:20"),
        ("day", KATHMANDU, "2026-11-21 13:20"),
        ("week", UTC_ZONE, "2026-11-16 00:00"),
        ("week", BERLIN, "2026-11-15 23:00"),
        # There it is the evening of the same day, a quarter of an hour off.
        ("week", KATHMANDU, "2026-11-15 18:15"),
        ("month", BERLIN, "2026-10-23 22:00"),
        ("year", BERLIN, "2025-11-22 23:00"),
    ],
)
def test_a_range_begins_at_a_midnight_of_the_zone(name: str, zone: ZoneInfo, since: str):
    assert since_range(name, at("2026-11-22 12:20"), zone) == at(since)


@pytest.mark.parametrize(
    ("name", "days"), [("week", 7), ("month", 30), ("year", 365)], ids=["week", "month", "year"]
)
@pytest.mark.parametrize("zone", [UTC_ZONE, BERLIN, KATHMANDU], ids=str)
def test_a_range_has_as_many_days_as_it_says_with_today_as_the_last(
    name: str, days: int, zone: ZoneInfo
):
    # In Berlin the clock was changed within the month and twice within the year; it is tomorrow
    # already in Kathmandu.
    now = at("2026-11-20 20:00")

    steps = divide(since_range(name, now, zone), now, Step.DAY, zone)

    assert len(steps) - 1 == days
    assert steps[-2] <= now < steps[-1]


def test_a_day_is_the_hour_of_now_and_those_before_it():
    now = at("2026-11-22 12:20")

    steps = divide(since_range("day", now, KATHMANDU), now, Step.HOUR, KATHMANDU)

    assert len(steps) - 1 == 24
    assert [steps[-2].astimezone(KATHMANDU).strftime("%H:%M"), steps[-2]] == [
        "18:00", at("2026-11-22 12:15"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("day", "hours"),
    [("2026-03-28", 24), ("2026-03-29", 23), ("2026-10-25", 25)],
    ids=["usual", "put forward", "put back"],
)
def test_a_day_on_which_the_clock_is_changed_has_the_hours_that_it_has(day: str, hours: int):
    first = date.fromisoformat(day)
    since, until = midnight(first, BERLIN), midnight(first + DAY, BERLIN)

    in_hours, in_days = (divide(since, until, step, BERLIN) for step in (Step.HOUR, Step.DAY))

    assert [after - before for before, after in pairwise(in_hours)] == [HOUR] * hours
    assert [after - before for before, after in pairwise(in_days)] == [hours * HOUR]


def test_days_of_kathmandu_begin_a_quarter_before_or_after_an_hour_of_others():
    assert midnight(date(2026, 11, 22), KATHMANDU) == at("2026-11-21 18:15")


def test_an_empty_stretch_has_one_step():
    now = at("2026-11-22 12:20")

    assert divide(now, now, Step.HOUR, UTC_ZONE) == [
        at("2026-11-22 12:00"), at("2026-11-22 13:00"),
    ]  # fmt: skip
    assert len(divide(at("2026-11-22 12:00"), at("2026-11-22 12:00"), Step.DAY, BERLIN)) == 2


@pytest.mark.parametrize(
    ("length", "step"),
    [
        (timedelta(0), Step.HOUR),
        (3 * DAY, Step.HOUR),
        (3 * DAY + HOUR, Step.DAY),
        (100 * DAY, Step.DAY),
        (101 * DAY, Step.WEEK),
        (800 * DAY, Step.WEEK),
        (801 * DAY, Step.MONTH),
        (36_500 * DAY, Step.MONTH),
    ],
)
def test_a_step_suits_the_length(length: timedelta, step: Step):
    assert choose_step(length, "") is step


@pytest.mark.parametrize(
    ("length", "asked", "chosen"),
    [
        (750 * HOUR, "hour", Step.HOUR),
        (751 * HOUR, "hour", Step.DAY),
        (750 * DAY, "day", Step.DAY),
        (751 * DAY, "day", Step.WEEK),
        (751 * DAY, "hour", Step.WEEK),
        (751 * 7 * DAY, "hour", Step.MONTH),
        (36_500 * DAY, "week", Step.MONTH),
        (HOUR, "month", Step.MONTH),
    ],
)
def test_the_step_that_is_asked_for_is_taken_unless_there_were_too_many(
    length: timedelta, asked: str, chosen: Step
):
    assert choose_step(length, asked) is chosen


def test_all_days_that_may_be_chosen_fit_into_one_timeline():
    since, until = (midnight(read_day(day), UTC_ZONE) for day in ("2000-01-01", "2099-12-31"))

    steps = divide(since, until + DAY, choose_step(until - since, "hour"), UTC_ZONE)

    assert len(steps) <= MAX_STEPS
    assert (steps[0], steps[-1]) == (at("2000-01-01 00:00"), at("2100-01-01 00:00"))


def test_a_day_is_read_with_blanks_around_it():
    assert read_day(" 2026-02-28 ") == date(2026, 2, 28)


@pytest.mark.parametrize("text", ["", "yesterday", "2026-02-30", "25.11.2026", "2026-11-25T00:00"])
def test_what_is_no_day_is_refused_with_an_example(text: str):
    with pytest.raises(BadOption) as error:
        read_day(text)
    assert "2026-11-25" in refusal_of(error)


@pytest.mark.parametrize("text", ["1999-12-31", "2100-01-01", "0001-01-01", "9999-12-31"])
def test_a_day_too_far_away_is_refused_with_those_that_are_not(text: str):
    with pytest.raises(BadOption) as error:
        read_day(text)
    assert "2000-01-01 to 2099-12-31" in refusal_of(error)


def test_a_range_that_is_none_is_refused_with_those_that_are():
    with pytest.raises(BadOption) as error:
        since_range("fortnight" * 100, at("2026-11-22 12:00"), BERLIN)
    said = refusal_of(error)
    assert len(said) < 100
    assert all(name in said for name in RANGES)


@pytest.mark.parametrize("asked", ["minute", "HOUR", "hours", "' OR 1"])
def test_a_step_that_is_none_is_refused_with_those_that_are(asked: str):
    with pytest.raises(BadOption) as error:
        choose_step(DAY, asked)
    assert all(step in refusal_of(error) for step in Step)


@pytest.mark.parametrize(
    "name", ["", "Berlin", "europe/berlin", "../../etc/passwd", "Europe/Berlin\n", "x" * 9000]
)
def test_a_zone_that_is_none_is_refused_with_an_example(name: str):
    with pytest.raises(BadOption) as error:
        find_zone(name)
    assert "Europe/Berlin" in refusal_of(error)


def test_a_zone_is_found_by_an_older_name_that_browsers_still_say():
    now = at("2026-11-22 12:00")
    assert now.astimezone(find_zone("Asia/Katmandu")) == now.astimezone(KATHMANDU)
    assert now.astimezone(find_zone("Asia/Katmandu")).utcoffset() == 5 * HOUR + HOUR * 3 / 4
