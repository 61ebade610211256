"""Sizes and durations as people write them."""

from datetime import timedelta

import pytest

from minifile.units import parse_duration, parse_size, write_duration


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [
        ("0", 0),
        ("1", 1),
        ("500", 500),
        ("500B", 500),
        ("1k", 1024),
        ("1KB", 1024),
        ("1 KiB", 1024),
        ("1.5MiB", 1_572_864),
        ("2GiB", 2 * 2**30),
        ("2 gb", 2 * 2**30),
        ("1TiB", 2**40),
        (" 3M ", 3 * 2**20),
    ],
)
def test_sizes_are_read_with_their_unit(text: str, size_bytes: int):
    assert parse_size(text) == size_bytes


@pytest.mark.parametrize("text", ["", "GiB", "-1", "1 apple", "1,5MiB", "1e9", "0x10", "1GiBs"])
def test_what_is_no_size_is_refused(text: str):
    with pytest.raises(ValueError, match="is no size; write it like 500MiB or 2GiB"):
        parse_size(text)


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("90s", timedelta(seconds=90)),
        ("30m", timedelta(minutes=30)),
        ("12h", timedelta(hours=12)),
        ("3d", timedelta(days=3)),
        ("2w", timedelta(days=14)),
        (" 1 D ", timedelta(days=1)),
    ],
)
def test_durations_are_read_with_their_unit(text: str, duration: timedelta):
    assert parse_duration(text) == duration


@pytest.mark.parametrize("value", ["", "60", 60, "1.5h", "-1d", "1y", "1month", "d", None])
def test_a_duration_without_a_unit_we_know_is_refused(value: object):
    with pytest.raises(ValueError, match="is no duration; write it like 90s, 30m, 12h or 3d"):
        parse_duration(value)


def test_a_duration_beyond_all_bounds_is_refused():
    with pytest.raises(OverflowError, match="too long"):
        parse_duration("9999999999999w")


@pytest.mark.parametrize("text", ["3d", "36h", "90m", "45s", "400d"])
def test_a_duration_is_written_as_it_is_read(text: str):
    assert write_duration(parse_duration(text)) == text
