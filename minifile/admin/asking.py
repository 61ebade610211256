"""What is asked for in the query of an address: words, pages, days."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from flask import request

from minifile.errors import BadOption

T = TypeVar("T")

_LONGEST = 300


def asked(name: str) -> str:
    """Return the words of a field; what no database keeps is left out."""
    return request.args.get(name, "")[:_LONGEST].replace("\0", "").strip()


def asked_page() -> int:
    """Return the number of the page, the first for what is none."""
    value = request.args.get("page", "")
    is_number = value.isascii() and value.isdigit() and len(value) < 7
    return max(1, int(value)) if is_number else 1


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


def cut(found: Sequence[T], size: int) -> tuple[Sequence[T], bool]:
    """Return a page of what was found, and whether more follows."""
    return found[:size], len(found) > size
