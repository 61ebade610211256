"""What an instance keeps of its own past, for its admin: purge runs, usage by day, errors.

All of it is bounded, and the purge throws away what is old.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, insert, literal, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from minifile.extensions import db, write_transaction
from minifile.models import ErrorEntry, File, Link, PurgeRun, UsageSample, UserSample
from minifile.services.purge import Purged
from minifile.services.usage import measure_usage
from minifile.storage import Storage
from minifile.values import LinkState

RUNS_KEPT = 100
SAMPLES_KEPT = 400
ERRORS_KEPT = timedelta(days=7)
# Kinds of errors an hour; what goes beyond stands in the log alone.
MAX_KINDS = 200


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One purge, and what it deleted."""

    started_at: datetime
    took: timedelta
    via: str
    links: int
    size_bytes: int
    partial_uploads: int
    orphans: int


@dataclass(frozen=True, slots=True)
class SampleRecord:
    """How much there was on one day (UTC)."""

    day: str
    links: int
    files: int
    size_bytes: int
    users: int


@dataclass(frozen=True, slots=True)
class ErrorRecord:
    """Errors of one kind at one route; `link_id` is that of the last one."""

    route: str
    kind: str
    link_id: int | None
    count: int
    last_at: datetime


def note_purge(purged: Purged, *, started_at: datetime, via: str, now: datetime) -> None:
    """Write down what a purge did, and forget what is old."""
    with write_transaction(durable=False) as session:
        session.add(
            PurgeRun(
                started_at=started_at,
                took_ms=max(0, round((now - started_at).total_seconds() * 1000)),
                via=via,
                links=purged.links,
                size_bytes=purged.size_bytes,
                partial_uploads=purged.partial_uploads,
                orphans=purged.orphans,
            )
        )
        _forget(session, now)


def sample_usage(*, storage: Storage, now: datetime) -> bool:
    """Write down how much there is, once a day among all processes; say whether this one did."""
    day = f"{now:%Y-%m-%d}"
    if db.session.get(UsageSample, day) is not None:
        return False
    usage = measure_usage(storage=storage, now=now)
    sample = UsageSample(
        day=day,
        links=usage.links_open,
        files=usage.files,
        size_bytes=usage.size_bytes,
        users=usage.users,
    )
    try:
        with write_transaction(durable=False) as session:
            session.add(sample)
            session.flush()
            _sample_users(session, day)
    except IntegrityError:
        return False
    return True


def _sample_users(session: Session, day: str) -> None:
    """Write down how much the links of each user hold; who has none has no row."""
    held = (
        select(
            Link.owner_id,
            literal(day),
            func.count(Link.id.distinct()),
            func.count(File.id),
            func.sum(File.size_bytes),
        )
        .join(File, File.link_id == Link.id)
        .where(Link.owner_id.is_not(None), Link.state != LinkState.DELETING)
        .group_by(Link.owner_id)
    )
    columns = ["user_id", "day", "links", "files", "size_bytes"]
    session.execute(insert(UserSample).from_select(columns, held))


def note_error(route: str, kind: str, link_id: int | None, *, now: datetime) -> None:
    """Count an error that was answered: at which route, of which kind, of which link.

    Nothing else is kept of it, and only so many kinds an hour.
    """
    hour = now.replace(minute=0, second=0, microsecond=0)
    place = {"hour": hour, "route": route[:120], "kind": kind[:64]}
    try:
        with write_transaction(durable=False) as session:
            if not _count_again(session, place, link_id, now):
                _count_first(session, place, link_id, now)
    except IntegrityError:
        # Another process was first.
        with write_transaction(durable=False) as session:
            _count_again(session, place, link_id, now)


def list_purges(limit: int = 10) -> list[RunRecord]:
    """Return the last purges, the newest first."""
    rows = db.session.scalars(select(PurgeRun).order_by(PurgeRun.id.desc()).limit(limit))
    return [
        RunRecord(
            row.started_at,
            timedelta(milliseconds=row.took_ms),
            row.via,
            row.links,
            row.size_bytes,
            row.partial_uploads,
            row.orphans,
        )
        for row in rows
    ]


def list_samples(*, days: int, now: datetime) -> list[SampleRecord]:
    """Return the samples of the last days, the oldest first."""
    first = f"{now - timedelta(days=days - 1):%Y-%m-%d}"
    query = select(UsageSample).where(UsageSample.day >= first).order_by(UsageSample.day)
    return [
        SampleRecord(row.day, row.links, row.files, row.size_bytes, row.users)
        for row in db.session.scalars(query)
    ]


def list_errors(*, since: datetime, limit: int = 20) -> Sequence[ErrorRecord]:
    """Return what went wrong since then, the most frequent first."""
    total = func.sum(ErrorEntry.count)
    query = (
        select(
            ErrorEntry.route,
            ErrorEntry.kind,
            func.max(ErrorEntry.link_id),
            total,
            func.max(ErrorEntry.last_at, type_=ErrorEntry.last_at.type),
        )
        .where(ErrorEntry.last_at > since)
        .group_by(ErrorEntry.route, ErrorEntry.kind)
        .order_by(total.desc())
        .limit(limit)
    )
    return [ErrorRecord(route, kind, link_id, int(count), at)
            for route, kind, link_id, count, at in db.session.execute(query)]  # fmt: skip


def _count_again(
    session: Session, place: dict[str, object], link_id: int | None, now: datetime
) -> bool:
    done = session.execute(
        update(ErrorEntry)
        .filter_by(**place)
        .values(count=ErrorEntry.count + 1, link_id=link_id, last_at=now)
        .returning(ErrorEntry.id)
        .execution_options(synchronize_session=False)
    )
    return done.first() is not None


def _count_first(
    session: Session, place: dict[str, object], link_id: int | None, now: datetime
) -> None:
    kinds = session.scalar(select(func.count()).where(ErrorEntry.hour == place["hour"])) or 0
    if kinds < MAX_KINDS:
        session.add(ErrorEntry(**place, link_id=link_id, count=1, last_at=now))


def _forget(session: Session, now: datetime) -> None:
    kept_runs = select(PurgeRun.id).order_by(PurgeRun.id.desc()).limit(RUNS_KEPT)
    kept_days = select(UsageSample.day).order_by(UsageSample.day.desc()).limit(SAMPLES_KEPT)
    for statement in (
        delete(PurgeRun).where(PurgeRun.id.not_in(kept_runs)),
        delete(UsageSample).where(UsageSample.day.not_in(kept_days)),
        delete(UserSample).where(UserSample.day.not_in(kept_days)),
        delete(ErrorEntry).where(ErrorEntry.last_at < now - ERRORS_KEPT),
    ):
        session.execute(statement.execution_options(synchronize_session=False))
