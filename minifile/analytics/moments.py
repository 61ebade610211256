"""How the steps of a period are named."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from minifile.analytics.charts import Moment
from minifile.services.periods import FIRST_DAY, LAST_DAY, Period, Step


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which days a page is about: in words, and the first and last as a form has them."""

    words: str
    first_day: str
    last_day: str


def moments_of(period: Period) -> list[Moment]:
    """Return the name of each step, by the clock and calendar of the period's zone."""
    local = [edge.astimezone(period.zone) for edge in period.edges[:-1]]
    return [Moment(int(each.timestamp()), _full(each, period.step), _short(each, period.step))
            for each in local]  # fmt: skip


def name_days(days: Sequence[datetime]) -> list[Moment]:
    """Return the names of days, each given by its beginning in the zone that it is one of."""
    return [Moment(int(each.timestamp()), _full(each, Step.DAY), _short(each, Step.DAY))
            for each in days]  # fmt: skip


def name_instant(at: datetime, zone: ZoneInfo) -> str:
    """Return `25 Nov 2026, 14:05 CET`."""
    return _full(at.astimezone(zone), Step.HOUR)


def chosen_days(period: Period) -> Chosen:
    """Return the days of a period, as they are written and as forms take them."""
    first = period.since.astimezone(period.zone)
    # The end belongs to what follows.
    last = (period.until - timedelta(microseconds=1)).astimezone(period.zone)
    words = [f"{each.day} {each:%b %Y}" for each in (first, last)]
    # A week may begin before the first day that may be asked for.
    days = max(first.date(), FIRST_DAY), min(last.date(), LAST_DAY)
    return Chosen(" to ".join(dict.fromkeys(words)), *map(str, days))


def _full(at: datetime, step: Step) -> str:
    if step is Step.HOUR:
        # Where a clock is put back, the zone's name tells the two hours from one another.
        return f"{at.day} {at:%b %Y, %H:%M %Z}"
    if step is Step.MONTH:
        return f"{at:%b %Y}"
    day = f"{at:%a} {at.day} {at:%b %Y}"
    return f"week of {day}" if step is Step.WEEK else day


def _short(at: datetime, step: Step) -> str:
    if step is Step.HOUR and at.hour:
        return f"{at:%H:%M}"
    return f"{at:%b %Y}" if step is Step.MONTH else f"{at.day} {at:%b}"
