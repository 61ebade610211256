"""Growth by known lines: the rate through all days, and the day on which nothing is left."""

from datetime import date, timedelta

import pytest

from minifile.policy.growth import bytes_a_day, full_on

TODAY = date(2026, 11, 22)


def days(*sizes: int, apart: int = 1) -> list[tuple[date, int]]:
    """Return what was measured on days in a row, or some days apart, today at last."""
    first = TODAY - timedelta(days=apart * (len(sizes) - 1))
    return [(first + timedelta(days=apart * at), size) for at, size in enumerate(sizes)]


def test_the_rate_of_a_straight_line_is_its_slope():
    assert bytes_a_day(days(100, 110, 120, 130)) == pytest.approx(10)
    assert bytes_a_day(days(100, 110, 120, 130, apart=5)) == pytest.approx(2)
    assert bytes_a_day(days(7, 7, 7)) == pytest.approx(0)


def test_shrinking_is_a_rate_below_zero():
    assert bytes_a_day(days(100, 70, 40)) == pytest.approx(-30)


def test_one_odd_day_does_not_make_the_rate():
    # By the least squares; from the first day to the last it would be 3000.
    assert bytes_a_day(days(0, 0, 0, 9000)) == pytest.approx(2700)
    assert bytes_a_day(days(0, 9000, 0, 0)) == pytest.approx(-900)


def test_days_without_a_measure_count_as_time():
    assert bytes_a_day(
        [*days(0), (TODAY - timedelta(days=8), 80), (TODAY - timedelta(days=10), 100)]
    ) == (pytest.approx(-10))


def test_terabytes_are_no_less_exact():
    tebibyte = 2**40
    assert bytes_a_day(days(*(at * tebibyte for at in range(30)))) == pytest.approx(tebibyte)


@pytest.mark.parametrize("samples", [[], days(5), days(5, 50), [*days(5, 50), *days(5, 50)]])
def test_less_than_three_days_tell_nothing(samples: list[tuple[date, int]]):
    assert bytes_a_day(samples) is None


@pytest.mark.parametrize(
    ("free_bytes", "rate", "ahead"),
    [(1000, 10, 100), (1000, 3, 333), (5, 10, 0), (0, 10, 0), (36_500, 10, 3650)],
    ids=["100 days", "333 days", "today", "already", "ten years"],
)
def test_it_is_full_when_what_is_free_is_used_up(free_bytes: int, rate: float, ahead: int):
    assert full_on(free_bytes, rate, TODAY) == TODAY + timedelta(days=ahead)


@pytest.mark.parametrize(
    ("free_bytes", "rate"),
    [(1000, 0), (1000, -10), (1000, None), (None, 10), (36_511, 10), (2**60, 1e-300), (0, 0)],
    ids=[
        "steady", "shrinking", "unknown rate", "unknown room", "beyond ten years", "never", "full",
    ],
)  # fmt: skip
def test_it_is_not_said_to_be_full_when_that_is_not_to_be_expected(
    free_bytes: int | None, rate: float | None
):
    assert full_on(free_bytes, rate, TODAY) is None
