"""What was measured: rows of numbers, the goals beside them, and the arithmetic on both."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

__all__ = ["Goal", "Row", "judge", "median", "percentile"]


@dataclass(frozen=True)
class Goal:
    """At least `factor` times what a peer did; at most, with `at_most`; absolute without a peer.
    `reason` says where a factor comes from that nobody would expect."""

    factor: float
    peer: str | None = None
    at_most: bool = False
    reason: str = ""


@dataclass(frozen=True)
class Row:
    """One work: each server's samples, one a round, in one unit."""

    work: str
    unit: str
    subject: str
    samples: dict[str, list[float]]
    goals: tuple[Goal, ...] = ()
    notes: dict[str, str] = field(default_factory=dict)

    def value(self, name: str) -> float | None:
        """Return the median of a server's rounds, or None when it has none."""
        samples = self.samples.get(name)
        return median(samples) if samples else None

    def ratio(self, name: str) -> float | None:
        """Return how many times a peer's number the subject's is."""
        ours, theirs = self.value(self.subject), self.value(name)
        return None if ours is None or not theirs else ours / theirs


def judge(row: Row, goal: Goal) -> tuple[float | None, bool | None]:
    """Return what is compared with the goal's factor, and whether the goal is met.

    None for both when a number is missing.
    """
    reached = row.value(row.subject) if goal.peer is None else row.ratio(goal.peer)
    if reached is None:
        return None, None
    return reached, reached <= goal.factor if goal.at_most else reached >= goal.factor


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the smallest value that so many percent of the values do not exceed."""
    if not values:
        return math.inf
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]
