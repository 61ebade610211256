"""Preconditions and ranges of RFC 9110, decided on header text alone.

Werkzeug's own answers differ from the RFC: it takes weak tags in `If-Range`, refuses unknown
range units and honours `Range` on HEAD.
"""

import enum
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Protocol

from werkzeug.http import parse_date

from minifile.values import Span

_ENTITY_TAG = re.compile(r'(W/)?"([\x21\x23-\x7e\x80-\xff]*)"')
_BYTE_RANGE = re.compile(r"([0-9]*)-([0-9]*)")

# The three forms of section 5.6.7. Werkzeug's parser takes far more.
_HTTP_DATE = re.compile(
    r"[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT"
    r"|[A-Z][a-z]{5,8}, [0-9]{2}-[A-Z][a-z]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT"
    r"|[A-Z][a-z]{2} [A-Z][a-z]{2} [ 0-9][0-9] [0-9]{2}:[0-9]{2}:[0-9]{2} [0-9]{4}"
)

# No file has a size of this many digits, and Python refuses to read 4,301 of them.
_MAX_DIGITS = 19


class Headers(Protocol):
    """Request headers, as far as they are asked for here: a Werkzeug `Headers` or a dict."""

    def get(self, name: str, /) -> str | None: ...


class Verdict(enum.Enum):
    """What the preconditions of a request come to."""

    PROCEED = 200
    NOT_MODIFIED = 304
    PRECONDITION_FAILED = 412


class RangeNotSatisfiable(Exception):
    """The range lies outside the file: 416, with the size in `Content-Range`."""

    def __init__(self, size_bytes: int) -> None:
        super().__init__(f"The range lies outside the {size_bytes} bytes of the file.")
        self.size_bytes = size_bytes


def evaluate(headers: Headers, *, method: str, etag: str, modified_at: datetime | None) -> Verdict:
    """Judge the preconditions in the order of RFC 9110 section 13.2.2.

    `etag` is strong, without its quotes, and holds no comma. Dates that are no HTTP-date are
    ignored, as the RFC demands, and all of them where it is not known since when the bytes are.
    """
    if not _is_still_what_was_meant(headers, etag, modified_at):
        return Verdict.PRECONDITION_FAILED
    if not _is_already_there(headers, method, etag, modified_at):
        return Verdict.PROCEED
    if method in {"GET", "HEAD"}:
        return Verdict.NOT_MODIFIED
    return Verdict.PRECONDITION_FAILED


def requested_span(
    headers: Headers, *, method: str, etag: str, modified_at: datetime | None, size_bytes: int
) -> Span | None:
    """Return the one range that is asked for, or None when the whole file is to be sent.

    None also answers what RFC 9110 section 14.2 lets a server ignore: another method than GET,
    an unknown unit, a malformed range, several ranges, or an `If-Range` that does not hold.
    Raises RangeNotSatisfiable when a well-formed range has no byte of the file.
    """
    value = headers.get("Range")
    if method != "GET" or value is None or not _range_applies(headers, etag, modified_at):
        return None
    unit, _, ranges = value.partition("=")
    elements = [element.strip(" \t") for element in ranges.split(",")]
    wanted = [element for element in elements if element]
    if unit.strip(" \t").lower() != "bytes" or len(wanted) != 1:
        return None
    found = _BYTE_RANGE.fullmatch(wanted[0])
    return _span(found[1], found[2], size_bytes) if found else None


def _is_still_what_was_meant(headers: Headers, etag: str, modified_at: datetime | None) -> bool:
    """Judge `If-Match` (strong comparison) or else `If-Unmodified-Since`."""
    tags = headers.get("If-Match")
    if tags is not None:
        return _names_tag(tags, etag, weak_counts=False)
    since = _http_date(headers.get("If-Unmodified-Since"))
    return since is None or modified_at is None or _whole_second(modified_at) <= since


def _is_already_there(
    headers: Headers, method: str, etag: str, modified_at: datetime | None
) -> bool:
    """Judge `If-None-Match` (weak comparison) or else `If-Modified-Since`."""
    tags = headers.get("If-None-Match")
    if tags is not None:
        return _names_tag(tags, etag, weak_counts=True)
    since = _http_date(headers.get("If-Modified-Since"))
    if method not in {"GET", "HEAD"} or since is None or modified_at is None:
        return False
    return _whole_second(modified_at) <= since


def _range_applies(headers: Headers, etag: str, modified_at: datetime | None) -> bool:
    """Judge `If-Range`, RFC 9110 section 13.1.5: a strong tag or the exact Last-Modified.

    A date is as good as a strong tag here, because a stored file never changes.
    """
    value = headers.get("If-Range")
    if value is None:
        return True
    if value.strip(" \t") == f'"{etag}"':
        return True
    return modified_at is not None and _http_date(value) == _whole_second(modified_at)


def _names_tag(value: str, etag: str, *, weak_counts: bool) -> bool:
    if value.strip(" \t") == "*":
        return True
    return any(tag == etag and (weak_counts or not weak) for weak, tag in _entity_tags(value))


def _entity_tags(value: str) -> Iterator[tuple[bool, str]]:
    """Return whether each tag of a list is weak, and its text; skip what is malformed."""
    # A foreign tag may hold a comma. Its halves lack a quote, so they count as malformed.
    for element in value.split(","):
        if found := _ENTITY_TAG.fullmatch(element.strip(" \t")):
            yield found[1] is not None, found[2]


def _http_date(value: str | None) -> datetime | None:
    value = value.strip(" \t") if value else ""
    return parse_date(value) if _HTTP_DATE.fullmatch(value) else None


def _whole_second(instant: datetime) -> datetime:
    return instant.astimezone(UTC).replace(microsecond=0)


def _span(first: str, last: str, size_bytes: int) -> Span | None:
    """Return the span of one `int-range` or `suffix-range`, RFC 9110 section 14.1.1."""
    if not first and not last:
        return None
    if not first:
        start, stop = size_bytes - _number(last, size_bytes), size_bytes
    elif last and _is_less(last, first):
        return None
    else:
        start = _number(first, size_bytes)
        stop = min(_number(last, size_bytes) + 1, size_bytes) if last else size_bytes
    # A suffix of no bytes, and any range of an empty file, has no byte to send either.
    if start >= size_bytes:
        raise RangeNotSatisfiable(size_bytes)
    return Span(start, stop)


def _number(digits: str, ceiling: int) -> int:
    """Return the number, or `ceiling` if that is less."""
    digits = digits.lstrip("0")
    return ceiling if len(digits) > _MAX_DIGITS else min(int(digits or "0"), ceiling)


def _is_less(digits: str, other: str) -> bool:
    """Compare two numbers of any length."""
    digits, other = digits.lstrip("0"), other.lstrip("0")
    return (len(digits), digits) < (len(other), other)
