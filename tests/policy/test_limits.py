"""How much may be uploaded, and what options may say."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from minifile.errors import BadOption, StorageFull, TooLarge
from minifile.policy.limits import (
    check_file_count,
    check_file_size,
    check_link_size,
    check_max_downloads,
    check_note,
    check_password,
    check_space,
)
from minifile.values import Limits

LIMITS = Limits(
    max_file_size=2048,
    max_link_size=4096,
    max_link_files=3,
    default_lifetime=timedelta(days=1),
    max_lifetime=timedelta(days=30),
    keep_free=1000,
)


@pytest.mark.parametrize(
    ("check", "most", "sentence"),
    [
        pytest.param(check_file_size, 2048, "2 KiB are allowed for a file", id="file"),
        pytest.param(check_link_size, 4096, "4 KiB are allowed", id="link"),
        pytest.param(check_file_count, 3, "3 are allowed in one link", id="files"),
    ],
)
def test_a_limit_is_the_last_value_that_passes(
    check: Callable[[int, Limits], None], most: int, sentence: str
):
    check(most, LIMITS)

    with pytest.raises(TooLarge, match=sentence):
        check(most + 1, LIMITS)


def test_space_is_enough_while_the_reserve_stays():
    check_space(500, 1500, LIMITS)

    with pytest.raises(StorageFull):
        check_space(501, 1500, LIMITS)


def test_a_storage_that_can_not_tell_its_space_is_never_full():
    check_space(10**18, None, LIMITS)


@pytest.mark.parametrize("number", [None, 1, 1_000_000_000])
def test_a_number_of_downloads_that_makes_sense(number: int | None):
    check_max_downloads(number)


@pytest.mark.parametrize("number", [0, -1, 1_000_000_001])
def test_a_number_of_downloads_that_makes_none(number: int):
    with pytest.raises(BadOption, match="between 1 and"):
        check_max_downloads(number)


@pytest.mark.parametrize("note", [None, "", "x" * 500, "line\nline", "日本 👩‍👩‍👧"])
def test_a_note_that_can_be_kept(note: str | None):
    check_note(note)


@pytest.mark.parametrize(
    "note", [pytest.param("x" * 501, id="long"), "a\0b", "\ud800"], ids=["long", "NUL", "half"]
)
def test_a_note_that_can_not(note: str):
    with pytest.raises(BadOption, match="500 characters"):
        check_note(note)


@pytest.mark.parametrize("password", [None, "x", " ", "ö" * 256])
def test_a_password_that_can_be_kept(password: str | None):
    check_password(password)


@pytest.mark.parametrize("password", ["", "x" * 257, "a\0", "\udfff"])
def test_a_password_that_can_not(password: str):
    with pytest.raises(BadOption, match="1 to 256 characters"):
        check_password(password)
