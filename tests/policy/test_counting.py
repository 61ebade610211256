"""May a request be served within a slot that its client holds?"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from conftest import NOW
from hypothesis import given
from hypothesis import strategies as st

from minifile.policy.counting import (
    MAX_RANGES,
    FileSpan,
    Start,
    covers,
    is_in_flight,
    may_join,
    merge,
)
from minifile.values import Span

FRESH = Start(fresh=True, by_cookie=False)
FRESH_COOKIE = Start(fresh=True, by_cookie=True)
RESUME = Start(fresh=False, by_cookie=False)
SECOND = timedelta(seconds=1)


@dataclass
class Had:
    """What a client has had of a file, as a delivery row says it."""

    ranges: list[list[int]] = field(default_factory=list)
    bytes_reserved: int = 0
    in_flight_until: datetime | None = None
    completed_at: datetime | None = None


def part(start: int = 0, stop: int = 100, *, file_id: int = 1, size: int = 100) -> FileSpan:
    return FileSpan(file_id, size, Span(start, stop))


@pytest.mark.parametrize(
    ("had", "asked", "start", "joins"),
    [
        pytest.param(Had(), part(), FRESH, True, id="nothing had"),
        pytest.param(Had([[0, 50]], 50), part(50), RESUME, True, id="resume"),
        pytest.param(Had([[0, 50]], 50), part(), FRESH, True, id="fresh start after a cut"),
        pytest.param(Had(bytes_reserved=100), part(), FRESH, True, id="budget just enough"),
        pytest.param(Had(bytes_reserved=101), part(), FRESH, False, id="budget one short"),
        pytest.param(Had(bytes_reserved=199), part(50, 51), RESUME, True, id="last byte"),
        pytest.param(Had(bytes_reserved=200), part(50, 51), RESUME, False, id="spent"),
        pytest.param(Had(completed_at=NOW), part(), FRESH, False, id="closed"),
        pytest.param(Had(completed_at=NOW), part(), FRESH_COOKIE, False, id="closed, cookie"),
        pytest.param(Had(completed_at=NOW), part(1), RESUME, True, id="closed, range"),
        pytest.param(Had(in_flight_until=NOW + SECOND), part(), FRESH, False, id="in flight"),
        pytest.param(Had(in_flight_until=NOW), part(), FRESH, True, id="mark gone stale"),
        pytest.param(
            Had(in_flight_until=NOW + SECOND), part(), FRESH_COOKIE, True, id="in flight, cookie"
        ),
        pytest.param(
            Had(in_flight_until=NOW + SECOND), part(9), RESUME, True, id="in flight, range"
        ),
    ],
)
def test_a_request_joins_as_far_as_the_rules_go(
    had: Had, asked: FileSpan, start: Start, joins: bool
):
    assert may_join({1: had}, [asked], start, NOW) is joins


def test_a_file_not_yet_asked_for_always_fits():
    assert may_join({}, [part(), part(file_id=2)], FRESH, NOW)


def test_one_part_that_does_not_fit_refuses_all():
    had = {2: Had(completed_at=NOW)}

    assert not may_join(had, [part(), part(file_id=2)], FRESH, NOW)


def test_an_empty_file_has_no_budget_and_needs_none():
    empty = part(0, 0, size=0)

    assert may_join({1: Had()}, [empty], FRESH, NOW)
    assert not may_join({1: Had(completed_at=NOW)}, [empty], FRESH, NOW)


def test_ranges_are_bounded_unless_they_touch():
    had = Had([[10 * n, 10 * n + 1] for n in range(MAX_RANGES)], MAX_RANGES)

    assert not may_join({1: had}, [part(900, 901, size=1000)], RESUME, NOW)
    assert may_join({1: had}, [part(1, 2, size=1000)], RESUME, NOW)


def test_a_mark_holds_until_its_instant():
    assert is_in_flight(Had(in_flight_until=NOW + SECOND), NOW)
    assert not is_in_flight(Had(in_flight_until=NOW), NOW)
    assert not is_in_flight(Had(), NOW)


@pytest.mark.parametrize(
    ("ranges", "span", "merged"),
    [
        pytest.param([], Span(0, 5), [[0, 5]], id="first"),
        pytest.param([], Span(5, 5), [], id="empty"),
        pytest.param([[0, 5]], Span(5, 9), [[0, 9]], id="touching"),
        pytest.param([[0, 5]], Span(6, 9), [[0, 5], [6, 9]], id="apart"),
        pytest.param([[6, 9]], Span(0, 5), [[0, 5], [6, 9]], id="in order"),
        pytest.param([[0, 5], [6, 9]], Span(4, 7), [[0, 9]], id="filling a gap"),
        pytest.param([[0, 9]], Span(2, 4), [[0, 9]], id="inside"),
    ],
)
def test_ranges_are_merged(ranges: list[list[int]], span: Span, merged: list[list[int]]):
    assert merge(ranges, span) == merged


SPANS = st.lists(
    st.tuples(st.integers(0, 60), st.integers(0, 60)).map(lambda p: Span(min(p), max(p))),
    max_size=12,
)


@given(SPANS)
def test_merged_ranges_hold_just_the_bytes_of_their_spans(spans: list[Span]):
    ranges: list[list[int]] = []
    for span in spans:
        ranges = merge(ranges, span)

    held = {byte for start, stop in ranges for byte in range(start, stop)}
    assert held == {byte for span in spans for byte in range(span.start, span.stop)}
    assert all(a[1] < b[0] for a, b in pairwise(ranges))


@given(SPANS)
def test_a_file_is_covered_when_no_byte_is_missing(spans: list[Span]):
    ranges: list[list[int]] = []
    for span in spans:
        ranges = merge(ranges, Span(min(span.start, 60), min(span.stop, 60)))

    held = {byte for span in spans for byte in range(span.start, span.stop)}
    assert covers(ranges, 60) is (held >= set(range(60)))


def test_an_empty_file_is_covered_by_nothing():
    assert covers([], 0)
    assert not covers([], 1)
