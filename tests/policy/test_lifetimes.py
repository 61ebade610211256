"""How long a link may live."""

import contextlib
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minifile.errors import BadOption
from minifile.policy.lifetimes import check_lifetime, parse_lifetime
from minifile.values import Limits

LIMITS = Limits(
    max_file_size=1,
    max_link_size=1,
    max_link_files=1,
    default_lifetime=timedelta(days=1),
    max_lifetime=timedelta(days=30),
    keep_free=0,
)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("90m", timedelta(minutes=90)),
        ("12h", timedelta(hours=12)),
        ("3d", timedelta(days=3)),
        ("2W", timedelta(weeks=2)),
        (" 1 d ", timedelta(days=1)),
        ("0h", timedelta(0)),
    ],
)
def test_a_number_with_a_unit_is_a_lifetime(text: str, meant: timedelta):
    assert parse_lifetime(text) == meant


@pytest.mark.parametrize(
    "text", ["", "3", "d", "-1d", "1.5h", "1y", "1d12h", "٣d", "1e3d", "never"]
)
def test_anything_else_is_refused_with_an_example(text: str):
    with pytest.raises(BadOption, match="like 90m, 12h or 3d"):
        parse_lifetime(text)


@given(st.text(max_size=30))
def test_no_text_breaks_the_parser(text: str):
    with contextlib.suppress(BadOption):
        assert parse_lifetime(text) >= timedelta(0)


@pytest.mark.parametrize("unit", ["m", "h", "d", "w"])
def test_a_number_beyond_all_time_is_just_very_long(unit: str):
    assert parse_lifetime(f"{'9' * 5000}{unit}") > LIMITS.max_lifetime


@pytest.mark.parametrize("lifetime", [timedelta(minutes=1), timedelta(days=30)])
def test_the_bounds_belong_to_what_is_allowed(lifetime: timedelta):
    check_lifetime(lifetime, LIMITS)


@pytest.mark.parametrize(
    "lifetime", [timedelta(0), timedelta(seconds=59), timedelta(days=30, seconds=1), timedelta.max]
)
def test_a_lifetime_out_of_bounds_is_refused_with_the_bounds(lifetime: timedelta):
    with pytest.raises(BadOption, match="between 1 minute and 30 days"):
        check_lifetime(lifetime, LIMITS)
