"""Lifetimes as the forms offer and send them."""

from minifile.config import Settings
from minifile.units import duration_in_words, write_duration
from minifile.values import Limits


def lifetime_choices(settings: Settings, limits: Limits) -> list[tuple[str, str]]:
    """Return the lifetimes offered to a sender as (value, words), always with the default one."""
    offered = sorted({*settings.lifetime_choices, limits.default_lifetime})
    return [
        (write_duration(lifetime), duration_in_words(lifetime))
        for lifetime in offered
        if lifetime <= limits.max_lifetime
    ]
