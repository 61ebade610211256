"""Preconditions and ranges of RFC 9110."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.datastructures import Headers

from minifile.download.conditional import (
    RangeNotSatisfiable,
    Verdict,
    evaluate,
    requested_span,
)
from minifile.values import Span

ETAG = "ab" * 32
MODIFIED_AT = datetime(2026, 11, 22, 10, 30, 15, 250_000, tzinfo=UTC)
SAME = "Sun, 22 Nov 2026 10:30:15 GMT"
EARLIER = "Sun, 22 Nov 2026 10:30:14 GMT"
LATER = "Sun, 22 Nov 2026 10:30:16 GMT"
PROCEED, NOT_MODIFIED = Verdict.PROCEED, Verdict.NOT_MODIFIED
FAILED = Verdict.PRECONDITION_FAILED


def verdict(headers: dict[str, str], method: str = "GET") -> Verdict:
    return evaluate(Headers(headers), method=method, etag=ETAG, modified_at=MODIFIED_AT)


def span(value: str, *, size: int = 100, method: str = "GET", **headers: str) -> Span | None:
    given = {"Range": value} | {name.replace("_", "-"): text for name, text in headers.items()}
    return requested_span(
        Headers(given), method=method, etag=ETAG, modified_at=MODIFIED_AT, size_bytes=size
    )


def test_a_request_without_preconditions_proceeds() -> None:
    assert verdict({}) is PROCEED


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(f'"{ETAG}"', PROCEED, id="same"),
        pytest.param(f'"x", "{ETAG}"', PROCEED, id="in a list"),
        pytest.param(f'"a,b" ,, "{ETAG}"', PROCEED, id="after a tag with a comma"),
        pytest.param("*", PROCEED, id="star"),
        pytest.param('"x"', FAILED, id="other"),
        pytest.param(f'W/"{ETAG}"', FAILED, id="weak"),
        pytest.param(f'w/"{ETAG}"', FAILED, id="malformed weak"),
        pytest.param(ETAG, FAILED, id="unquoted"),
        pytest.param("", FAILED, id="empty"),
    ],
)
def test_if_match_compares_strongly(value: str, expected: Verdict) -> None:
    assert verdict({"If-Match": value}) is expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(f'"{ETAG}"', NOT_MODIFIED, id="same"),
        pytest.param(f'W/"{ETAG}"', NOT_MODIFIED, id="weak"),
        pytest.param(f'"x",W/"{ETAG}"', NOT_MODIFIED, id="in a list"),
        pytest.param("*", NOT_MODIFIED, id="star"),
        pytest.param('"x"', PROCEED, id="other"),
        pytest.param(ETAG, PROCEED, id="unquoted"),
    ],
)
def test_if_none_match_compares_weakly(value: str, expected: Verdict) -> None:
    assert verdict({"If-None-Match": value}) is expected


def test_if_none_match_is_304_for_head_and_412_for_other_methods() -> None:
    assert verdict({"If-None-Match": "*"}, "HEAD") is NOT_MODIFIED
    assert verdict({"If-None-Match": "*"}, "DELETE") is FAILED


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(SAME, PROCEED, id="same second"),
        pytest.param(LATER, PROCEED, id="later"),
        pytest.param(EARLIER, FAILED, id="earlier"),
        pytest.param("yesterday", PROCEED, id="no date"),
    ],
)
def test_if_unmodified_since_fails_for_a_newer_file(value: str, expected: Verdict) -> None:
    assert verdict({"If-Unmodified-Since": value}) is expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(SAME, NOT_MODIFIED, id="same second"),
        pytest.param("Sunday, 22-Nov-26 10:30:15 GMT", NOT_MODIFIED, id="RFC 850 form"),
        pytest.param("Sun Nov 22 10:30:15 2026", NOT_MODIFIED, id="asctime form"),
        pytest.param(LATER, NOT_MODIFIED, id="later"),
        pytest.param(EARLIER, PROCEED, id="earlier"),
        pytest.param("", PROCEED, id="empty"),
        pytest.param("Sun, 22 Nov 2026 10:30:15 +0000", PROCEED, id="mail date"),
        pytest.param("Sun, 99 Nov 2026 10:30:15 GMT", PROCEED, id="no such day"),
        pytest.param("Sun, 22 Nov " + "9" * 5000 + " 10:30:15 GMT", PROCEED, id="endless year"),
        pytest.param("Sun, ٢٢ Nov 2026 10:30:15 GMT", PROCEED, id="other digits"),
    ],
)
def test_if_modified_since_spares_an_unchanged_file(value: str, expected: Verdict) -> None:
    assert verdict({"If-Modified-Since": value}) is expected


def test_if_modified_since_is_ignored_for_other_methods() -> None:
    assert verdict({"If-Modified-Since": SAME}, "DELETE") is PROCEED


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        pytest.param(
            {"If-Match": f'"{ETAG}"', "If-Unmodified-Since": EARLIER},
            PROCEED,
            id="If-Match hides If-Unmodified-Since",
        ),
        pytest.param(
            {"If-None-Match": '"x"', "If-Modified-Since": SAME},
            PROCEED,
            id="If-None-Match hides If-Modified-Since",
        ),
        pytest.param(
            {"If-Match": '"x"', "If-None-Match": f'"{ETAG}"'}, FAILED, id="412 before 304"
        ),
        pytest.param(
            {"If-Unmodified-Since": SAME, "If-None-Match": f'"{ETAG}"'},
            NOT_MODIFIED,
            id="304 after a date that holds",
        ),
    ],
)
def test_preconditions_are_judged_in_the_order_of_the_rfc(
    headers: dict[str, str], expected: Verdict
) -> None:
    assert verdict(headers) is expected


@given(st.text(max_size=200))
def test_no_header_text_breaks_the_judgement(text: str) -> None:
    names = ("If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since")

    for name in names:
        assert evaluate({name: text}, method="GET", etag=ETAG, modified_at=MODIFIED_AT)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param("bytes=0-", Span(0, 100), id="all"),
        pytest.param("bytes=0-0", Span(0, 1), id="first byte"),
        pytest.param("bytes=10-19", Span(10, 20), id="middle"),
        pytest.param("bytes=99-", Span(99, 100), id="last byte"),
        pytest.param("bytes=90-1000", Span(90, 100), id="past the end"),
        pytest.param("bytes=0-" + "9" * 1000, Span(0, 100), id="huge end"),
        pytest.param("bytes=0-" + "9" * 5000, Span(0, 100), id="end that int() refuses"),
        pytest.param("bytes=-5", Span(95, 100), id="suffix"),
        pytest.param("bytes=-500", Span(0, 100), id="long suffix"),
        pytest.param("bytes=-" + "9" * 5000, Span(0, 100), id="huge suffix"),
        pytest.param("bytes=" + "0" * 5000 + "7-8", Span(7, 9), id="leading zeros"),
        pytest.param("BYTES=1-2", Span(1, 3), id="unit in capitals"),
        pytest.param("bytes= 1-2 ,", Span(1, 3), id="space and empty element"),
    ],
)
def test_one_range_gives_its_span(value: str, expected: Span) -> None:
    assert span(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("", id="empty"),
        pytest.param("bytes", id="no ranges"),
        pytest.param("bytes=", id="empty set"),
        pytest.param("bytes=-", id="no digits"),
        pytest.param("bytes=a-b", id="letters"),
        pytest.param("bytes=1", id="no dash"),
        pytest.param("bytes=1--2", id="two dashes"),
        pytest.param("bytes=+1-2", id="sign"),
        pytest.param("bytes=1_0-20", id="underscore"),
        pytest.param("bytes=١-٢", id="other digits"),
        pytest.param("bytes=5-4", id="end before start"),
        pytest.param("bytes=" + "9" * 5000 + "-" + "8" * 5000, id="huge end before huge start"),
        pytest.param("items=0-5", id="unknown unit"),
        pytest.param("bytes=0-1,5-6", id="two ranges"),
        pytest.param("bytes=0-1,500-600", id="two ranges, one outside"),
    ],
)
def test_a_range_that_may_be_ignored_is(value: str) -> None:
    assert span(value) is None


@pytest.mark.parametrize(
    ("value", "size"),
    [
        pytest.param("bytes=100-", 100, id="at the end"),
        pytest.param("bytes=100-200", 100, id="past the end"),
        pytest.param("bytes=" + "9" * 5000 + "-", 100, id="huge start"),
        pytest.param("bytes=-0", 100, id="suffix of nothing"),
        pytest.param("bytes=0-", 0, id="empty file"),
        pytest.param("bytes=-5", 0, id="suffix of an empty file"),
    ],
)
def test_a_range_outside_the_file_is_not_satisfiable(value: str, size: int) -> None:
    with pytest.raises(RangeNotSatisfiable) as refused:
        span(value, size=size)

    assert refused.value.size_bytes == size


@pytest.mark.parametrize("method", ["HEAD", "POST", "DELETE"])
def test_a_range_counts_only_for_get(method: str) -> None:
    assert span("bytes=0-1", method=method) is None
    assert span("bytes=500-", method=method) is None


def test_no_range_is_the_whole_file() -> None:
    whole = requested_span({}, method="GET", etag=ETAG, modified_at=MODIFIED_AT, size_bytes=9)

    assert whole is None


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        pytest.param(f'"{ETAG}"', True, id="same tag"),
        pytest.param('"x"', False, id="other tag"),
        pytest.param(f'W/"{ETAG}"', False, id="weak tag"),
        pytest.param(ETAG, False, id="unquoted tag"),
        pytest.param(f'"x", "{ETAG}"', False, id="list of tags"),
        pytest.param("*", False, id="star"),
        pytest.param("", False, id="empty"),
        pytest.param(SAME, True, id="same date"),
        pytest.param(EARLIER, False, id="earlier date"),
        pytest.param(LATER, False, id="later date"),
    ],
)
def test_if_range_must_hold_for_a_range(condition: str, holds: bool) -> None:
    assert span("bytes=1-2", If_Range=condition) == (Span(1, 3) if holds else None)


def test_a_range_outside_the_file_is_ignored_when_if_range_fails() -> None:
    assert span("bytes=500-", If_Range='"x"') is None


def test_the_zone_of_the_instant_does_not_matter() -> None:
    elsewhere = MODIFIED_AT.astimezone(timezone(timedelta(hours=5)))

    found = evaluate({"If-Modified-Since": SAME}, method="GET", etag=ETAG, modified_at=elsewhere)

    assert found is NOT_MODIFIED


@given(st.text(max_size=50) | st.from_regex(r"bytes=[0-9]*-[0-9]*", fullmatch=True), st.integers(0))
def test_a_span_always_lies_within_the_file(value: str, size: int) -> None:
    try:
        found = requested_span(
            {"Range": value}, method="GET", etag=ETAG, modified_at=MODIFIED_AT, size_bytes=size
        )
    except RangeNotSatisfiable:
        return

    assert found is None or 0 <= found.start < found.stop <= size
