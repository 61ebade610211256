"""How much a user uses of what they may have, in words and in percent."""

from collections.abc import Callable
from dataclasses import dataclass

from minifile.services.quotas import use_of
from minifile.units import size_in_words
from minifile.web.current import limits_for, utcnow


@dataclass(frozen=True, slots=True)
class Usage:
    """One thing that is limited, or may be."""

    words: str
    used: str
    limit: str | None
    percent: int | None
    """None without a limit."""


def usage_of(user_id: int) -> list[Usage]:
    """Return what a user uses: stored bytes, live links, and what was uploaded today."""
    limits, use = limits_for(user_id), use_of(user_id, utcnow())
    return [
        _of_bytes("Stored", use.size_bytes, limits.quota),
        _usage("Live links", f"{use.links:,}", use.links, limits.max_links, "{:,}".format),
        _of_bytes("Uploaded today", use.today_bytes, limits.daily_upload),
    ]


def _of_bytes(words: str, used: int, limit: int | None) -> Usage:
    return _usage(words, size_in_words(used), used, limit, size_in_words)


def _usage(
    words: str, shown: str, used: int, limit: int | None, say: Callable[[int], str]
) -> Usage:
    if limit is None:
        return Usage(words, shown, None, None)
    # A limit may have been lowered below what is used, or to nothing.
    percent = 100 if used >= limit else used * 100 // limit
    return Usage(words, shown, say(limit), percent)
