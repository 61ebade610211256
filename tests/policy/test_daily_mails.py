"""The one mail a day comes at eight, wherever its reader lives."""

from datetime import UTC, datetime, timedelta

import pytest

from minifile.errors import BadOption
from minifile.policy.daily_mails import check_zone, list_zones, next_daily_mail


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("after", "zone", "due"),
    [
        ("2026-11-22 07:59", "UTC", "2026-11-22 08:00"),
        ("2026-11-22 08:00", "UTC", "2026-11-23 08:00"),
        ("2026-11-22 06:30", "Europe/Berlin", "2026-11-22 07:00"),
        ("2026-11-22 12:00", "Pacific/Auckland", "2026-11-22 19:00"),
        ("2026-11-22 15:59", "America/Los_Angeles", "2026-11-22 16:00"),
        ("2026-11-22 02:00", "Asia/Kathmandu", "2026-11-22 02:15"),
        ("2026-11-22 12:00", "Mars/Olympus", "2026-11-23 08:00"),
        ("2026-11-22 12:00", "../../etc/passwd", "2026-11-23 08:00"),
    ],
)
def test_it_is_due_at_eight_in_the_zone(after: str, zone: str, due: str):
    assert next_daily_mail(at(after), zone) == at(due)


@pytest.mark.parametrize(
    ("before", "hours"), [("2026-03-28 07:00", 23), ("2026-10-24 06:00", 25)], ids=["23", "25"]
)
def test_a_day_with_a_change_of_the_clock_is_as_long_as_it_is(before: str, hours: int):
    assert next_daily_mail(at(before), "Europe/Berlin") == at(before) + timedelta(hours=hours)


def test_a_zone_that_is_none_is_refused():
    assert list_zones()[0] == "UTC"
    assert "Europe/Berlin" in list_zones()
    for zone in ("", "Berlin", "../../etc/passwd", "Europe/Berlin\n"):
        with pytest.raises(BadOption):
            check_zone(zone)
