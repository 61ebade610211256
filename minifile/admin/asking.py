"""What is asked for in the query of an address: words and days."""

from datetime import UTC, datetime, timedelta

from flask import request

from minifile.errors import BadOption

_LONGEST = 300


def asked(name: str) -> str:
    """Return the words of a field; what no database keeps is left out."""
    return request.args.get(name, "")[:_LONGEST].replace("\0", "").strip()


def asked_day(name: str) -> datetime | None:
    """Return the beginning of a day (2026-11-25, UTC). Raises BadOption."""
    value = asked(name)
    if not value:
        return None
    try:
        return datetime.strptime(value, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise BadOption("Write a day like 2026-11-25.") from None


def end_of(day: datetime | None) -> datetime | None:
    """Return when a day is over. Raises BadOption for the last one that a calendar knows."""
    try:
        return None if day is None else day + timedelta(days=1)
    except OverflowError:
        raise BadOption("Write a day like 2026-11-25.") from None
