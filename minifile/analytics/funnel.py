"""The funnel: how far those came who began to fetch a file."""

from dataclasses import dataclass

from minifile.services.counts import Counts


@dataclass(frozen=True, slots=True)
class Stage:
    """How many deliveries came at least so far; `percent` of those that began."""

    words: str
    count: int
    percent: int | None


def stages_of(counts: Counts) -> list[Stage]:
    """Return the stages from the first byte to the last."""
    begun = counts.deliveries
    return [
        Stage(words, count, round(100 * count / begun) if begun else None)
        for words, count in (
            ("Begun", begun),
            ("A quarter arrived", counts.reached_25),
            ("Half arrived", counts.reached_50),
            ("Three quarters arrived", counts.reached_75),
            ("Completed", counts.deliveries_completed),
        )
    ]
