"""How long a link may live."""

from datetime import timedelta

from minifile.errors import BadOption
from minifile.units import duration_in_words, parse_duration
from minifile.values import Limits

MIN_LIFETIME = timedelta(minutes=1)


def parse_lifetime(text: str) -> timedelta:
    """Return the lifetime that `90m`, `12h`, `3d` or `2w` stands for. Raises BadOption."""
    try:
        return parse_duration(text)
    except OverflowError:
        # Too long for any limit, which is for `check_lifetime` to say.
        return timedelta.max
    except ValueError:
        raise BadOption("The lifetime must be written like 90m, 12h or 3d.") from None


def check_lifetime(lifetime: timedelta, limits: Limits) -> None:
    """Raise BadOption unless a link may live so long."""
    if not MIN_LIFETIME <= lifetime <= limits.max_lifetime:
        raise BadOption(
            f"The lifetime must be between {duration_in_words(MIN_LIFETIME)}"
            f" and {duration_in_words(limits.max_lifetime)}."
        )
