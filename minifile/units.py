"""Sizes, durations and lists as people write them in settings."""

import re
from datetime import timedelta

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]i?b?|b)?", re.IGNORECASE)
_SIZE_UNITS = {"": 1, "b": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}
_DURATION = re.compile(r"(\d+)\s*(s|m|h|d|w)", re.IGNORECASE)
_DURATION_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def parse_size(value: object) -> object:
    """Return bytes for `2GiB`, `500 MB` (binary units, whatever the spelling) or a plain number."""
    if not isinstance(value, str):
        return value
    match = _SIZE.fullmatch(value.strip())
    if match is None:
        raise ValueError(f"{value!r} is no size; write it like 500MiB or 2GiB")
    unit = (match[2] or "").lower()[:1]
    return round(float(match[1]) * _SIZE_UNITS[unit])


def parse_duration(value: object) -> object:
    """Return a timedelta for `90s`, `30m`, `12h`, `3d` or `2w`.

    A number without a unit is refused: nobody can tell seconds from days.
    """
    if isinstance(value, timedelta):
        return value
    match = _DURATION.fullmatch(str(value).strip())
    if match is None:
        raise ValueError(f"{value!r} is no duration; write it like 90s, 30m, 12h or 3d")
    try:
        return timedelta(**{_DURATION_UNITS[match[2].lower()]: int(match[1])})
    except OverflowError:
        raise ValueError(f"{value!r} is too long a duration") from None


def split(value: object) -> object:
    """Return the parts of a comma-separated text; lists pass as they are."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def read_off(value: object) -> object:
    """Read `off` as "no limit"."""
    return None if isinstance(value, str) and value.strip().lower() in ("off", "none") else value
