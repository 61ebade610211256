"""Sizes, durations and lists: read as people write them, written as people read them."""

import re
from datetime import timedelta

_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([kmgt]i?b?|b)?", re.IGNORECASE)
_SIZE_UNITS = {"": 1, "b": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}
_DURATION = re.compile(r"([0-9]+)\s*(s|m|h|d|w)", re.IGNORECASE)
_DURATION_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
# Far more than anybody means, and still a date that a calendar knows.
_LONGEST = timedelta(days=100 * 365)
_SIZE_WORDS = ("KiB", "MiB", "GiB", "TiB", "PiB")
_DURATION_WORDS = (
    ("day", 86_400, "d"),
    ("hour", 3600, "h"),
    ("minute", 60, "m"),
    ("second", 1, "s"),
)


def parse_size(value: object) -> object:
    """Return bytes for `2GiB`, `500 MB` (binary units, whatever the spelling) or a plain number."""
    if not isinstance(value, str):
        return value
    match = _SIZE.fullmatch(value.strip())
    if match is None:
        raise ValueError(f"{value!r} is no size; write it like 500MiB or 2GiB")
    unit = (match[2] or "").lower()[:1]
    return round(float(match[1]) * _SIZE_UNITS[unit])


def parse_duration(value: object) -> timedelta:
    """Return a timedelta for `90s`, `30m`, `12h`, `3d` or `2w`.

    A number without a unit is refused: nobody can tell seconds from days. Raises ValueError
    for what is no duration and OverflowError for one beyond all bounds (2.7 million years).
    """
    if isinstance(value, timedelta):
        return value
    match = _DURATION.fullmatch(str(value).strip())
    if match is None:
        raise ValueError(f"{value!r} is no duration; write it like 90s, 30m, 12h or 3d")
    try:
        return timedelta(**{_DURATION_UNITS[match[2].lower()]: float(match[1])})
    except OverflowError:
        raise OverflowError(f"{value!r} is too long a duration") from None


def read_duration(value: object) -> timedelta:
    """Read the duration of a setting. Raises ValueError, also for what is beyond all bounds."""
    try:
        length = parse_duration(value)
    except OverflowError as error:
        raise ValueError(str(error)) from None
    if length > _LONGEST:
        raise ValueError(f"{value!r} is too long a duration")
    return length


def read_grace(value: object) -> timedelta:
    """Read a duration that may be nothing, which is `0` in every unit."""
    return timedelta(0) if str(value).strip() == "0" else read_duration(value)


def split(value: object) -> object:
    """Return the parts of a comma-separated text; lists pass as they are."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def read_off(value: object) -> object:
    """Read `off` as "no limit"."""
    return None if isinstance(value, str) and value.strip().lower() in ("off", "none") else value


def size_in_words(size_bytes: int) -> str:
    """Return `412 KiB`: binary units, one decimal below 100."""
    if size_bytes < 1024:
        return f"{size_bytes} B"
    size, power = size_bytes / 1024, 0
    # What would round to 1024 belongs to the next unit.
    while size >= 1023.5 and power < len(_SIZE_WORDS) - 1:
        size, power = size / 1024, power + 1
    digits = f"{size:.1f}".removesuffix(".0") if size < 99.95 else f"{size:.0f}"
    return f"{digits} {_SIZE_WORDS[power]}"


def duration_in_words(length: timedelta) -> str:
    """Return `7 days`: the largest unit that leaves no rest."""
    seconds = round(length.total_seconds())
    for word, unit_seconds, _ in _DURATION_WORDS:
        if seconds and seconds % unit_seconds == 0:
            return plural(seconds // unit_seconds, word)
    return "no time"


def write_duration(length: timedelta) -> str:
    """Return the duration as `parse_duration` reads it: `90m`, `12h`, `3d`."""
    seconds = round(length.total_seconds())
    for _, unit_seconds, letter in _DURATION_WORDS:
        if seconds % unit_seconds == 0:
            return f"{seconds // unit_seconds}{letter}"
    raise AssertionError("every whole number of seconds is a multiple of one second")


def plural(count: int, one: str, many: str | None = None) -> str:
    """Return `1 file`, `1,000 files`; `many` is for words that do not just take an s."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
