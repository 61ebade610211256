"""Lifetimes as the forms offer and send them."""

from datetime import timedelta

from minifile.config import Settings
from minifile.web import filters


def lifetime_choices(settings: Settings) -> list[tuple[str, str]]:
    """Return the offered lifetimes as (value, words); the default one is always among them."""
    offered = sorted({*settings.lifetime_choices, settings.default_lifetime})
    return [
        (as_option(lifetime), filters.duration(lifetime))
        for lifetime in offered
        if lifetime <= settings.max_lifetime
    ]


def as_option(lifetime: timedelta) -> str:
    """Write a lifetime as `expires_in` takes it: 90m, 12h, 3d."""
    minutes = int(lifetime.total_seconds()) // 60
    for unit, size in (("d", 1440), ("h", 60)):
        if minutes % size == 0:
            return f"{minutes // size}{unit}"
    return f"{minutes}m"
