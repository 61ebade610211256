"""Periods: the stretch of time that a page or an export of analytics is about."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from minifile.errors import BadOption
from minifile.policy.periods import (
    ALL,
    FIRST_DAY,
    LAST_DAY,
    RANGES,
    choose_step,
    divide,
    find_zone,
    midnight,
    read_day,
    since_range,
)
from minifile.policy.timelines import Step
from minifile.services.analytics import extent
from minifile.services.counts import Subject

__all__ = [
    "ALL",
    "FIRST_DAY",
    "LAST_DAY",
    "RANGES",
    "AskedPeriod",
    "Period",
    "Step",
    "is_zone",
    "read_period",
]


@dataclass(frozen=True, slots=True)
class AskedPeriod:
    """What somebody asks for, as it was written; nothing stands for what suits."""

    range: str
    """One of RANGES; days win."""
    zone: str
    step: str = ""
    first_day: str = ""
    last_day: str = ""


@dataclass(frozen=True, slots=True)
class Period:
    """Steps in a row, which all numbers of a page are about."""

    edges: Sequence[datetime]
    """Where each step begins, and where the last one ends."""
    step: Step
    zone: ZoneInfo
    range: str
    """One of RANGES, or empty for days that were chosen."""

    @property
    def since(self) -> datetime:
        return self.edges[0]

    @property
    def until(self) -> datetime:
        return self.edges[-1]


def is_zone(name: str) -> bool:
    """Say whether a time zone of this name is known."""
    try:
        find_zone(name)
    except BadOption:
        return False
    return True


def read_period(asked: AskedPeriod, subject: Subject, *, now: datetime) -> Period:
    """Return the period that was asked for; without an end it is that of all numbers of a subject.

    Raises BadOption.
    """
    zone, name = find_zone(asked.zone), asked.range
    if asked.first_day or asked.last_day:
        since, until = _days(asked, subject, now, zone)
        name = ""
    elif name == ALL:
        # Beyond now where a clock has gone back.
        since, until = extent(subject, now=now)
    else:
        since, until = since_range(name, now, zone), now
    step = choose_step(until - since, asked.step)
    return Period(divide(since, until, step, zone), step, zone, name)


def _days(
    asked: AskedPeriod, subject: Subject, now: datetime, zone: ZoneInfo
) -> tuple[datetime, datetime]:
    today = now.astimezone(zone).date()
    last = read_day(asked.last_day) if asked.last_day else today
    first = read_day(asked.first_day) if asked.first_day else None
    since = midnight(first, zone) if first else extent(subject, now=now)[0]
    until = midnight(last + timedelta(days=1), zone)
    if since >= until:
        raise BadOption("The first day is after the last one.")
    return since, until
