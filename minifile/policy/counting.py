"""What counts as a download: may a request be served within a slot that the client holds?

See "Counting" in docs/architecture.md. All functions are pure; ranges are lists of
[start, stop] pairs as the delivery row keeps them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from minifile.values import Span

# One cut and one fresh start by the same client, whatever the kernel had buffered.
BUDGET_FACTOR = 2
MAX_REQUESTS = 1000
MAX_RANGES = 64


class Received(Protocol):
    """What a client has had of one file; a delivery as it was read is one."""

    @property
    def ranges(self) -> list[list[int]]: ...
    @property
    def bytes_reserved(self) -> int: ...
    @property
    def has_start(self) -> bool: ...
    @property
    def in_flight_until(self) -> datetime | None: ...
    @property
    def completed_at(self) -> datetime | None: ...


@dataclass(frozen=True, slots=True)
class FileSpan:
    """The bytes of one file that a request is about to be sent."""

    file_id: int
    size_bytes: int
    span: Span

    @property
    def is_whole(self) -> bool:
        return self.span.size_bytes == self.size_bytes


@dataclass(frozen=True, slots=True)
class Start:
    """How a request begins: afresh (from byte 0), and by a client that keeps our cookie."""

    fresh: bool
    by_cookie: bool


def may_join(
    received: Mapping[int, Received], parts: Sequence[FileSpan], start: Start, now: datetime
) -> bool:
    """Say whether all parts of a request may be sent within the slot they belong to."""
    return all(_fits(received.get(part.file_id), part, start, now) for part in parts)


def _fits(had: Received | None, part: FileSpan, start: Start, now: datetime) -> bool:
    if had is None:
        return True
    if start.fresh and had.completed_at is not None:
        return False
    if start.fresh and not start.by_cookie and is_in_flight(had, now):
        # Somebody else with the same address and user agent is fetching it right now, unless
        # this is the first of several ranges at once, and came after another of them.
        is_whole = part.span.stop == part.size_bytes
        if is_whole or had.has_start:
            return False
    if had.bytes_reserved + part.span.size_bytes > BUDGET_FACTOR * part.size_bytes:
        return False
    return len(merge(had.ranges, part.span)) <= MAX_RANGES


def is_in_flight(had: Received, now: datetime) -> bool:
    """Say whether a response is running that was alive within the last minute."""
    return had.in_flight_until is not None and had.in_flight_until > now


def merge(ranges: Sequence[Sequence[int]], span: Span) -> list[list[int]]:
    """Return the ranges with `span` added, in order, joined where they touch."""
    pairs = [[start, stop] for start, stop in ranges]
    if span.size_bytes:
        pairs.append([span.start, span.stop])
    merged: list[list[int]] = []
    for start, stop in sorted(pairs):
        if merged and start <= merged[-1][1]:
            merged[-1][1] = max(merged[-1][1], stop)
        else:
            merged.append([start, stop])
    return merged


def covers(ranges: Sequence[Sequence[int]], size_bytes: int) -> bool:
    """Say whether merged ranges hold the whole file. An empty file is covered by nothing."""
    return size_bytes == 0 or [list(pair) for pair in ranges] == [[0, size_bytes]]
