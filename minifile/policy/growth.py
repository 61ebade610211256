"""Growth: when storage will be full if it goes on growing as it has."""

from collections.abc import Sequence
from datetime import date, timedelta
from statistics import linear_regression

# Fewer days say nothing about a rate.
_LEAST_DAYS = 3
# What is further away is nobody's concern, and beyond what a calendar knows at some point.
_FURTHEST = timedelta(days=3650)


def bytes_a_day(samples: Sequence[tuple[date, int]]) -> float | None:
    """Return the rate of growth: the slope of the line with the least squares through all days.

    None where there are too few days to tell. Shrinking is a rate below zero.
    """
    days = [day.toordinal() for day, _ in samples]
    if len(set(days)) < _LEAST_DAYS:
        return None
    return linear_regression(days, [size for _, size in samples]).slope


def full_on(free_bytes: int | None, rate: float | None, today: date) -> date | None:
    """Return the day on which nothing is free any more; None where that is not to be expected."""
    if free_bytes is None or rate is None or rate <= 0:
        return None
    days = free_bytes / rate
    return today + timedelta(days=int(days)) if days <= _FURTHEST.days else None
