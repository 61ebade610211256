"""Lifetimes as the forms offer and send them."""

from minifile.config import Settings
from minifile.units import duration_in_words, write_duration


def lifetime_choices(settings: Settings) -> list[tuple[str, str]]:
    """Return the offered lifetimes as (value, words); the default one is always among them."""
    offered = sorted({*settings.lifetime_choices, settings.default_lifetime})
    return [
        (write_duration(lifetime), duration_in_words(lifetime))
        for lifetime in offered
        if lifetime <= settings.max_lifetime
    ]
