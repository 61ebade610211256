"""Growth: how much space was used on each day, and when there will be none left."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import ColumnElement, select

from minifile.extensions import db, release_connection
from minifile.models import UsageSample, UserSample
from minifile.policy.growth import bytes_a_day, full_on
from minifile.services.instance_numbers import free_bytes_of
from minifile.storage import Storage

# What the rate of growth is taken from.
RATE_DAYS = 30


@dataclass(frozen=True, slots=True)
class Space:
    """How much there was on a day (UTC), at the purge that measured it."""

    day: date
    links: int
    files: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Forecast:
    """What is to be expected of the storage, if it goes on growing as in the last days."""

    bytes_a_day: float | None
    """None until there are enough days to tell."""
    free_bytes: int | None
    """None where the storage does not say."""
    full_on: date | None
    """None where that is not to be expected."""


def read_space(since: datetime, until: datetime) -> list[Space]:
    """Return how much the instance held on each day that was measured, the oldest first."""
    rows = db.session.scalars(
        select(UsageSample).where(*_is_within(since, until)).order_by(UsageSample.day)
    ).all()
    release_connection()
    return [Space(_date(row.day), row.links, row.files, row.size_bytes) for row in rows]


def read_user_space(user_id: int, since: datetime, until: datetime) -> list[Space]:
    """Return the same of a user's links; on a day without a row of theirs there was nothing."""
    is_theirs = (UserSample.user_id == user_id) & (UserSample.day == UsageSample.day)
    rows = db.session.execute(
        select(UsageSample.day, UserSample.links, UserSample.files, UserSample.size_bytes)
        .outerjoin(UserSample, is_theirs)
        .where(*_is_within(since, until))
        .order_by(UsageSample.day)
    ).all()
    release_connection()
    return [Space(_date(day), *(number or 0 for number in numbers)) for day, *numbers in rows]


def forecast(
    samples: Sequence[Space], *, storage: Storage, keep_free: int, now: datetime
) -> Forecast:
    """Say when the storage will be full; `keep_free` bytes of it are never used."""
    rate = bytes_a_day([(sample.day, sample.size_bytes) for sample in samples])
    free_bytes = free_bytes_of(storage)
    usable = None if free_bytes is None else max(0, free_bytes - keep_free)
    return Forecast(rate, free_bytes, full_on(usable, rate, now.date()))


def _is_within(since: datetime, until: datetime) -> tuple[ColumnElement[bool], ...]:
    """Ask for each day (UTC) of which a part lies between two instants, today's included.

    By clocks east of Greenwich, and in steps of an hour, a period ends before the day does.
    """
    first, last = (each.astimezone(UTC) for each in (since, until - timedelta(microseconds=1)))
    return UsageSample.day >= f"{first:%Y-%m-%d}", UsageSample.day <= f"{last:%Y-%m-%d}"


def _date(day: str) -> date:
    return date.fromisoformat(day)
