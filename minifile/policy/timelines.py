"""Quarters of an hour, and the hours, days, weeks and months of a visitor's zone made of them.

A quarter is a number counted from 1970 in UTC. Every zone's offset is a multiple of one, so each
hour and day of any zone begins with a quarter, also where the clock is changed.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from zoneinfo import ZoneInfo

QUARTER_SECONDS = 900
QUARTERS_A_DAY = 96
HALF_A_DAY = QUARTERS_A_DAY // 2
# More than a chart can show, and less than a request may cost.
MAX_STEPS = 1500


class TallyStep(StrEnum):
    """For how long something is added up."""

    QUARTER = "quarter"
    DAY = "day"
    MONTH = "month"


class Step(StrEnum):
    """How a timeline is divided."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Piece:
    """Steps of one length in a row: from the quarter `first` up to, but not with, `stop`."""

    step: TallyStep
    first: int
    stop: int


def quarter(instant: datetime) -> int:
    """Return the quarter that an instant lies in."""
    return int(instant.timestamp() // QUARTER_SECONDS)


def instant(quarter: int) -> datetime:
    """Return when a quarter begins."""
    return datetime.fromtimestamp(quarter * QUARTER_SECONDS, UTC)


def day_of(quarter: int) -> int:
    """Return the first quarter of a quarter's day (UTC)."""
    return quarter - quarter % QUARTERS_A_DAY


def nearest_day(quarter: int) -> int:
    """Return the first quarter of the day (UTC) whose beginning is the nearest to a quarter."""
    return day_of(quarter + HALF_A_DAY)


def month_of(quarter: int) -> int:
    """Return the first quarter of a quarter's month (UTC)."""
    day = instant(quarter).day
    return day_of(quarter) - (day - 1) * QUARTERS_A_DAY


def places(quarter: int) -> Iterator[tuple[TallyStep, int]]:
    """Yield each step that a quarter belongs to, with the quarter that the step begins with."""
    yield TallyStep.QUARTER, quarter
    yield TallyStep.DAY, day_of(quarter)
    yield TallyStep.MONTH, month_of(quarter)


def pieces(first: int, stop: int) -> list[Piece]:
    """Divide quarters into as few steps as possible: quarters, days, months, days, quarters."""
    days = _ceil(first, day_of, _next_day), day_of(stop)
    if days[0] >= days[1]:
        return _given(Piece(TallyStep.QUARTER, first, stop))
    months = _ceil(days[0], month_of, _next_month), month_of(days[1])
    middle = (
        [Piece(TallyStep.DAY, *days)]
        if months[0] >= months[1]
        else [
            Piece(TallyStep.DAY, days[0], months[0]),
            Piece(TallyStep.MONTH, *months),
            Piece(TallyStep.DAY, months[1], days[1]),
        ]
    )
    return _given(
        Piece(TallyStep.QUARTER, first, days[0]), *middle, Piece(TallyStep.QUARTER, days[1], stop)
    )


def edges(since: datetime, until: datetime, step: Step, zone: ZoneInfo) -> list[datetime]:
    """Return where the steps between two instants begin, and where the last one ends.

    The first begins at or before `since`, the last ends at or after `until`, each at a full hour,
    at midnight, on a Monday or on the first of a month in the zone. At most MAX_STEPS.
    """
    found = [_begin(since.astimezone(zone), step)]
    while found[-1] < until and len(found) <= MAX_STEPS:
        found.append(_following(found[-1], step, zone))
    return [each.astimezone(UTC) for each in found]


def runs(quarters: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """Yield first quarter, width in quarters and count of steps in a row that are equally long."""
    widths = [stop - first for first, stop in pairwise(quarters)]
    at = 0
    while at < len(widths):
        count = 1
        while at + count < len(widths) and widths[at + count] == widths[at]:
            count += 1
        yield quarters[at], widths[at], count
        at += count


def _begin(local: datetime, step: Step) -> datetime:
    if step is Step.HOUR:
        # Of the two hours in which a clock is put back each is one.
        return local.replace(minute=0, second=0, microsecond=0)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    if step is Step.WEEK:
        return midnight - timedelta(days=midnight.weekday())
    return midnight.replace(day=1) if step is Step.MONTH else midnight


def _following(local: datetime, step: Step, zone: ZoneInfo) -> datetime:
    if step is Step.HOUR:
        # Where a clock is changed by half an hour the next full hour is not an hour away.
        after = (local.astimezone(UTC) + timedelta(hours=1)).astimezone(zone)
        return after if not after.minute else _full_hour(local, zone)
    if step is Step.MONTH:
        return _begin(local + timedelta(days=32), Step.MONTH)
    return local + timedelta(days=7 if step is Step.WEEK else 1)


def _full_hour(local: datetime, zone: ZoneInfo) -> datetime:
    """Return the next instant at which a clock of the zone shows a full hour."""
    at = local.astimezone(UTC)
    while True:
        at += timedelta(seconds=QUARTER_SECONDS)
        if not at.astimezone(zone).minute:
            return at.astimezone(zone)


def _next_day(day: int) -> int:
    return day + QUARTERS_A_DAY


def _next_month(month: int) -> int:
    return month_of(month + 32 * QUARTERS_A_DAY)


def _ceil(quarter: int, floor: Callable[[int], int], following: Callable[[int], int]) -> int:
    found = floor(quarter)
    return found if found == quarter else following(found)


def _given(*found: Piece) -> list[Piece]:
    return [piece for piece in found if piece.first < piece.stop]
