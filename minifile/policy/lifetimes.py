"""How long a link may live."""

import re
from datetime import timedelta

from minifile.errors import BadOption
from minifile.values import Limits

_LIFETIME = re.compile(r"([0-9]{1,9})\s*(m|min|h|d|w)", re.IGNORECASE)
_UNITS = {"m": "minutes", "min": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_WORDS = (("week", 604_800), ("day", 86_400), ("hour", 3600), ("minute", 60), ("second", 1))
MIN_LIFETIME = timedelta(minutes=1)


def parse_lifetime(text: str) -> timedelta:
    """Return the lifetime that `90m`, `12h`, `3d` or `2w` stands for. Raises BadOption."""
    match = _LIFETIME.fullmatch(text.strip())
    if match is None:
        raise BadOption("The lifetime must be written like 90m, 12h or 3d.")
    try:
        return timedelta(**{_UNITS[match[2].lower()]: int(match[1])})
    except OverflowError:
        return timedelta.max


def check_lifetime(lifetime: timedelta, limits: Limits) -> None:
    """Raise BadOption unless a link may live so long."""
    if not MIN_LIFETIME <= lifetime <= limits.max_lifetime:
        raise BadOption(
            f"The lifetime must be between {in_words(MIN_LIFETIME)}"
            f" and {in_words(limits.max_lifetime)}."
        )


def in_words(duration: timedelta) -> str:
    """Return a duration in its largest whole unit: 1 day, 90 minutes, 30 days."""
    seconds = round(duration.total_seconds())
    for word, size in _WORDS[1:]:
        if seconds % size == 0:
            count = seconds // size
            return f"{count} {word}{'' if count == 1 else 's'}"
    raise AssertionError("every whole number of seconds is a multiple of one second")
