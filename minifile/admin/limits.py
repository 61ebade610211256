"""The limits of a user, as an admin writes and reads them: empty, `none`, `10GiB`, `30d`."""

from collections.abc import Mapping
from dataclasses import fields
from datetime import timedelta

from minifile.errors import BadOption
from minifile.identity import NO_LIMIT, Allowance
from minifile.units import parse_size, read_duration, write_duration
from minifile.values import ENDLESS

_NONE = "none"
_EXACT = (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10))


def limit_texts(limits: Allowance) -> dict[str, str]:
    """Return each limit as it is written."""
    return {field.name: _text(field.name, getattr(limits, field.name)) for field in fields(limits)}


def read_limits(texts: Mapping[str, str]) -> Allowance:
    """Return the limits that were written. Raises BadOption for the first that can't be read."""
    lifetime = texts["max_lifetime"].strip().lower()
    return Allowance(
        max_file_size=_size(texts["max_file_size"]),
        quota=_size(texts["quota"]),
        max_links=_count(texts["max_links"]),
        max_lifetime=_lifetime(lifetime),
        daily_upload=_size(texts["daily_upload"]),
    )


def _text(name: str, value: int | timedelta | None) -> str:
    if value is None:
        return ""
    if isinstance(value, timedelta):
        return _NONE if value == timedelta(seconds=NO_LIMIT) else write_duration(value)
    if value == NO_LIMIT:
        return _NONE
    return str(value) if name == "max_links" else _exact_size(value)


def _exact_size(size_bytes: int) -> str:
    """Return a size in the largest unit that leaves no rest, so that reading gives it back."""
    for unit, factor in _EXACT:
        if size_bytes and size_bytes % factor == 0:
            return f"{size_bytes // factor}{unit}"
    return str(size_bytes)


def _size(text: str) -> int | None:
    text = text.strip().lower()
    if text in ("", _NONE):
        return NO_LIMIT if text else None
    try:
        size_bytes = parse_size(text)
    except ValueError as error:
        raise BadOption(f"{str(error)[:200]}.") from None
    return _checked(size_bytes)


def _count(text: str) -> int | None:
    text = text.strip().lower()
    if text in ("", _NONE):
        return NO_LIMIT if text else None
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise BadOption("Give the number of links as a whole number, or none.")
    return _checked(int(text))


def _lifetime(text: str) -> timedelta | None:
    if text in ("", _NONE):
        return timedelta(seconds=NO_LIMIT) if text else None
    try:
        return read_duration(text)
    except ValueError as error:
        raise BadOption(f"{str(error)[:200]}.") from None


def _checked(number: object) -> int:
    if not isinstance(number, int) or not 0 <= number < ENDLESS:
        raise BadOption("That limit is out of range; write none for no limit.")
    return number
