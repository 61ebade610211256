"""Which stretch of time somebody asks for, and into which steps it is divided."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from minifile.errors import BadOption
from minifile.policy.daily_mails import list_zones
from minifile.policy.timelines import Step, edges

_LENGTHS = {
    "day": timedelta(hours=24),
    "week": timedelta(days=7),
    "month": timedelta(days=30),
    "year": timedelta(days=365),
}
ALL = "all"
RANGES = (*_LENGTHS, ALL)
# A custom stretch ends within these: that many months still fit into one chart.
FIRST_DAY, LAST_DAY = date(2000, 1, 1), date(2099, 12, 31)
# More bars than that are narrower than a dot.
_MOST_STEPS = 750
_STEP_LENGTHS = {
    Step.HOUR: timedelta(hours=1),
    Step.DAY: timedelta(days=1),
    Step.WEEK: timedelta(days=7),
    Step.MONTH: timedelta(days=30),
}
# Up to which length each step is chosen by itself.
_CHOSEN_UP_TO = (
    (timedelta(days=3), Step.HOUR),
    (timedelta(days=100), Step.DAY),
    (timedelta(days=800), Step.WEEK),
)


def find_zone(name: str) -> ZoneInfo:
    """Return a time zone. Raises BadOption for one that is not known."""
    if name not in list_zones():
        raise BadOption("That is no time zone. Write one like Europe/Berlin, or UTC.")
    return ZoneInfo(name)


def since_range(name: str, now: datetime, zone: ZoneInfo) -> datetime:
    """Return when one of RANGES but ALL begins. Raises BadOption.

    A week is today and the six days before it: of what is older no part of a day is left.
    """
    if name not in _LENGTHS:
        raise BadOption(f"There is no range {name[:20]!r}: choose one of {', '.join(RANGES)}.")
    if name == "day":
        return now - _LENGTHS[name] + timedelta(hours=1)
    return midnight(now.astimezone(zone).date() - _LENGTHS[name] + timedelta(days=1), zone)


def read_day(text: str) -> date:
    """Return the day that somebody wrote. Raises BadOption."""
    try:
        day = date.fromisoformat(text.strip())
    except ValueError:
        raise BadOption("Write days like 2026-11-25.") from None
    if not FIRST_DAY <= day <= LAST_DAY:
        raise BadOption(f"Choose days from {FIRST_DAY} to {LAST_DAY}.")
    return day


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """Return when a day begins in a zone."""
    return datetime.combine(day, time(), zone)


def choose_step(length: timedelta, asked: str) -> Step:
    """Return the step that was asked for, or one that suits the length, and never too many.

    Raises BadOption for what is none.
    """
    if asked and asked not in set(Step):
        raise BadOption(f"There is no step {asked[:20]!r}: choose one of {', '.join(Step)}.")
    suiting = next((step for most, step in _CHOSEN_UP_TO if length <= most), Step.MONTH)
    steps = list(Step)
    at = steps.index(Step(asked) if asked else suiting)
    while at < len(steps) - 1 and length / _STEP_LENGTHS[steps[at]] > _MOST_STEPS:
        at += 1
    return steps[at]


def divide(since: datetime, until: datetime, step: Step, zone: ZoneInfo) -> list[datetime]:
    """Return where the steps begin, and where the last one ends; at least one step."""
    return edges(since, max(until, since + timedelta(microseconds=1)), step, zone)
