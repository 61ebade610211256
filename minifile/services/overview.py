"""The instance at a glance, for its admin."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select

from minifile.extensions import db, release_connection
from minifile.models import File, Link, User
from minifile.services.history import (
    ErrorRecord,
    RunRecord,
    SampleRecord,
    list_errors,
    list_purges,
    list_samples,
)
from minifile.services.usage import Usage, count_standings, measure_usage
from minifile.storage import Storage
from minifile.values import LinkState

GROWTH_DAYS = 30
_TOP = 10


@dataclass(frozen=True, slots=True)
class HeavyUser:
    """A user with what their links hold."""

    id: int
    name: str
    links: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Overview:
    """What the first admin page shows."""

    usage: Usage
    standings: dict[str, int]
    growth: Sequence[SampleRecord]
    users: Sequence[HeavyUser]
    purges: Sequence[RunRecord]
    errors: Sequence[ErrorRecord]


def look_over(*, storage: Storage, now: datetime) -> Overview:
    """Measure the instance and read what it has kept of its past."""
    overview = Overview(
        usage=measure_usage(storage=storage, now=now),
        standings=count_standings(now),
        growth=list_samples(days=GROWTH_DAYS, now=now),
        users=list_heavy_users(),
        purges=list_purges(),
        errors=list_errors(since=now - timedelta(days=1)),
    )
    release_connection()
    return overview


def list_heavy_users(limit: int = _TOP) -> list[HeavyUser]:
    """Return the users whose links hold the most bytes."""
    total = func.sum(File.size_bytes)
    query = (
        select(User.id, User.name, func.count(Link.id.distinct()), total)
        .join(Link, Link.owner_id == User.id)
        .join(File, File.link_id == Link.id)
        .where(Link.state != LinkState.DELETING)
        .group_by(User.id, User.name)
        .order_by(total.desc())
        .limit(limit)
    )
    return [HeavyUser(user_id, name, links, int(size)) for user_id, name, links, size
            in db.session.execute(query)]  # fmt: skip


def bytes_of_users(users: Sequence[int]) -> dict[int, tuple[int, int]]:
    """Return how many links and bytes each of the users has."""
    query = (
        select(Link.owner_id, func.count(Link.id.distinct()), func.sum(File.size_bytes))
        .join(File, File.link_id == Link.id)
        .where(Link.owner_id.in_(users), Link.state != LinkState.DELETING)
        .group_by(Link.owner_id)
    )
    rows = db.session.execute(query)
    return {owner: (links, int(size)) for owner, links, size in rows if owner is not None}
