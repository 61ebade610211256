"""When the one mail a day is due: at eight in the morning, in the zone of who gets it."""

from datetime import UTC, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from minifile.errors import BadOption

_AT = time(8)
DEFAULT_ZONE = "UTC"
# The others are older names, and the administration of zones itself.
_AREAS = {
    *("Africa", "America", "Antarctica", "Arctic", "Asia", "Atlantic", "Australia", "Europe"),
    *("Indian", "Pacific"),
}


def next_daily_mail(after: datetime, zone: str) -> datetime:
    """Return the first eight o'clock after an instant, as UTC.

    A zone that this machine does not know (any more) counts as UTC. Days have 23 to 25 hours.
    """
    here = _zone(zone)
    day = after.astimezone(here).date()
    while True:
        # Where eight o'clock does not exist, or twice, the first reading of it is as good as any.
        due = datetime.combine(day, _AT, here).astimezone(UTC)
        if due > after:
            return due
        day += timedelta(days=1)


def check_zone(zone: str) -> str:
    """Return a time zone that is known here. Raises BadOption."""
    if zone not in list_zones():
        raise BadOption("Choose one of the time zones.")
    return zone


@cache
def list_zones() -> tuple[str, ...]:
    """Return the names of all zones that people live in, UTC first."""
    named = (name for name in available_timezones() if name.partition("/")[0] in _AREAS)
    return (DEFAULT_ZONE, *sorted(named))


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")
