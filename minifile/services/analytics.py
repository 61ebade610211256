"""Analytics, for reading: what the tallies hold and what is not in them yet, as one number."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Subquery, false, func, select, union_all

from minifile.extensions import db, read_as_one, release_connection
from minifile.models import Breakdown, Tally
from minifile.policy.timelines import TallyStep, instant, pieces, quarter, runs
from minifile.services.counts import COUNTERS, Counts, Share, Subject
from minifile.services.pending import pending_counts, pending_shares
from minifile.services.tallies import KINDS


def count(subject: Subject, since: datetime, until: datetime, *, now: datetime) -> Counts:
    """Return the counters of a subject from `since` up to `until`, which begin quarters."""
    read_as_one()
    first, stop = quarter(since), quarter(until)
    rows = rows_within(Tally, COUNTERS, _is_of(Tally, subject), first, stop)
    row = db.session.execute(select(*sum_columns(rows.c))).one()
    pending = pending_counts(subject, now=now)
    release_connection()
    return _add_up([Counts(*map(int, row)), *_of_quarters(pending, first, stop)])


def timeline(subject: Subject, edges: Sequence[datetime], *, now: datetime) -> list[Counts]:
    """Return the counters between each two edges, which begin quarters and are in order."""
    read_as_one()
    steps = _by_step(subject, edges, pending_counts(subject, now=now))
    release_connection()
    return steps


def timeline_and_all(
    subject: Subject, edges: Sequence[datetime], *, now: datetime
) -> tuple[list[Counts], Counts]:
    """Return the same, and all that was ever counted, as of one moment."""
    read_as_one()
    pending = pending_counts(subject, now=now)
    steps = _by_step(subject, edges, pending)
    # All is in the months, and they stay for good.
    months = select(*sum_columns(Tally.__table__.c)).where(
        *_is_of(Tally, subject), Tally.step == TallyStep.MONTH.value
    )
    row = db.session.execute(months).one()
    release_connection()
    return steps, _add_up([Counts(*map(int, row)), *pending.values()])


def _by_step(
    subject: Subject, edges: Sequence[datetime], pending: dict[int, Counts]
) -> list[Counts]:
    found: dict[int, Counts] = defaultdict(Counts)
    steps = [quarter(edge) for edge in edges]
    number = {first: at for at, first in enumerate(steps[:-1])}
    for first, width, length in runs(edges):
        step = (Tally.at - first) // width
        query = (
            select(step.label("number"), *sum_columns(Tally.__table__.c))
            .where(*_is_of(Tally, subject), Tally.step == TallyStep.QUARTER)
            .where(Tally.at >= first, Tally.at < first + width * length)
            .group_by("number")
        )
        for at, *sums in db.session.execute(query):
            found[number[first] + int(at)] += Counts(*map(int, sums))
    for at, counts in pending.items():
        place = _place(steps, at)
        if place is not None:
            found[place] += counts
    return [found[at] for at in range(len(edges) - 1)]


def break_down(
    subject: Subject, since: datetime, until: datetime, *, limit: int
) -> dict[str, list[Share]]:
    """Return what came by family, system, country and referrer, the most downloads first.

    What does not fit into `limit` is added up at the end under an empty value.
    """
    read_as_one()
    first, stop = quarter(since), quarter(until)
    columns = ("kind", "value", "downloads", "opened")
    rows = rows_within(Breakdown, columns, _is_of(Breakdown, subject), first, stop).c
    query = select(rows.kind, rows.value, func.sum(rows.downloads), func.sum(rows.opened))
    query = query.group_by(rows.kind, rows.value)
    sums: dict[str, dict[str, list[int]]] = {kind: defaultdict(lambda: [0, 0]) for kind in KINDS}
    for kind, value, downloads, opened in (
        *db.session.execute(query),
        *pending_shares(subject, first, stop),
    ):
        sums[kind][value][0] += int(downloads)
        sums[kind][value][1] += int(opened)
    release_connection()
    return {kind: _most(found, limit) for kind, found in sums.items()}


def _most(sums: dict[str, list[int]], limit: int) -> list[Share]:
    shares = [Share(value, *found) for value, found in sums.items()]
    shares.sort(key=lambda share: (-share.downloads, -share.opened, share.value))
    rest = shares[limit:]
    if not rest:
        return shares
    other = Share("", sum(each.downloads for each in rest), sum(each.opened for each in rest))
    return [*shares[:limit], other]


def extent(subject: Subject, *, now: datetime) -> tuple[datetime, datetime]:
    """Return when the first quarter in which anything was counted begins, and the last one ends.

    Of a subject without numbers it is this quarter.
    """
    read_as_one()
    query = select(func.min(Tally.at), func.max(Tally.at)).where(
        *_is_of(Tally, subject), Tally.step == TallyStep.QUARTER
    )
    kept = db.session.execute(query).one()
    quarters = [*pending_counts(subject, now=now), *(int(at) for at in kept if at is not None)]
    release_connection()
    first, last = min([*quarters, quarter(now)]), max([*quarters, quarter(now)])
    return instant(first), instant(last + 1)


def sum_columns(rows: Any, counters: Sequence[str] = COUNTERS) -> list[Any]:
    """Return the sum of each counter, as columns of a query about rows of tallies."""
    return [func.coalesce(func.sum(rows[name]), 0) for name in counters]


def _is_of(table: type[Tally] | type[Breakdown], subject: Subject) -> list[ColumnElement[bool]]:
    return [table.scope == subject.scope.value, table.subject_id == subject.id]


def rows_within(
    table: type[Tally] | type[Breakdown],
    columns: Sequence[str],
    wanted: Sequence[ColumnElement[bool]],
    first: int,
    stop: int,
) -> Subquery:
    """Ask for as few rows as hold all that happened in some quarters, each once.

    Each stretch is a question of its own: of stretches joined by OR, SQLite reads all that lies
    between them, each quarter of a year.
    """
    rows = select(*(getattr(table, name) for name in columns)).where(*wanted)
    stretches = [
        rows.where(table.step == piece.step.value, table.at >= piece.first, table.at < piece.stop)
        for piece in pieces(first, stop)
    ]
    return union_all(*(stretches or [rows.where(false())])).subquery()


def _of_quarters(pending: dict[int, Counts], first: int, stop: int) -> Iterable[Counts]:
    return (counts for at, counts in pending.items() if first <= at < stop)


def _add_up(counts: Iterable[Counts]) -> Counts:
    return sum(counts, Counts())


def _place(steps: Sequence[int], at: int) -> int | None:
    """Return between which steps a quarter lies."""
    if not steps or not steps[0] <= at < steps[-1]:
        return None
    return bisect_right(steps, at) - 1
