"""Analytics, for reading: what the tallies hold and what is not in them yet, as one number."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    Subquery,
    bindparam,
    cast,
    false,
    func,
    select,
    union_all,
)

from minifile.extensions import db, read_as_one, release_connection
from minifile.models import Breakdown, Tally
from minifile.policy.timelines import (
    HALF_A_DAY,
    TallyStep,
    day_of,
    instant,
    nearest_day,
    pieces,
    quarter,
    runs,
)
from minifile.services.counts import COUNTERS, Counts, Share, Subject
from minifile.services.pending import pending_counts, pending_shares
from minifile.values import ORIGIN_KINDS


def sum_columns(rows: Any, counters: Sequence[str] = COUNTERS) -> list[Any]:
    """Return the sum of each counter, as columns of a query about rows of tallies."""
    # What PostgreSQL adds up is a decimal number, and takes long to read.
    return [cast(func.coalesce(func.sum(rows[name]), 0), BigInteger) for name in counters]


_SUMS = sum_columns(Tally.__table__.c)


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
    months = select(*_SUMS).where(*_is_of(Tally, subject), Tally.step == TallyStep.MONTH.value)
    row = db.session.execute(months).one()
    release_connection()
    return steps, _add_up([Counts(*map(int, row)), *pending.values()])


def _by_step(
    subject: Subject, edges: Sequence[datetime], pending: dict[int, Counts]
) -> list[Counts]:
    steps = [quarter(edge) for edge in edges]
    shortest = min((stop - first for first, stop in pairwise(steps)), default=0)
    found = (_of_days if shortest > HALF_A_DAY else _of_quarters)(subject, steps)
    for at, counts in pending.items():
        place = _place(steps, at)
        if place is not None:
            found[place] += counts
    return found


def _of_quarters(subject: Subject, steps: Sequence[int]) -> list[Counts]:
    """Add up the quarters of each step."""
    found = [Counts() for _ in pairwise(steps)]
    number = {first: at for at, first in enumerate(steps)}
    for first, width, length in runs(steps):
        is_within = (Tally.at >= first) & (Tally.at < first + width * length)
        rows = _sums(subject, TallyStep.QUARTER, (Tally.at - first) // width, is_within)
        for at, counts in rows.items():
            found[number[first] + at] = counts
    return found


def _of_days(subject: Subject, steps: Sequence[int]) -> list[Counts]:
    """Add up days, and move what lies between the edge of a step and the nearest day's beginning.

    So a year in Berlin is 365 days and four or eight quarters beside each midnight, not 35,000.
    """
    found = [Counts() for _ in pairwise(steps)]
    days = [nearest_day(edge) for edge in steps]
    is_within = (Tally.at >= days[0]) & (Tally.at < days[-1])
    for at, counts in _sums(subject, TallyStep.DAY, Tally.at, is_within).items():
        found[bisect_right(days, at) - 1] += counts
    moved = _beside_midnight(subject, steps, days)
    for number, (edge, day) in enumerate(zip(steps, days, strict=True)):
        # Behind the edge of the day it belongs to the step before; ahead of it, to the next one.
        over = moved[day] if edge > day else Counts() - moved[day - HALF_A_DAY]
        if number > 0:
            found[number - 1] += over
        if number < len(found):
            found[number] -= over
    return found


def _beside_midnight(
    subject: Subject, steps: Sequence[int], days: Sequence[int]
) -> Mapping[int, Counts]:
    """Return what lies between each edge and the nearest day's beginning, by half days (UTC).

    No two edges have theirs in the same half.
    """
    quarters = [
        at
        for edge, day in zip(steps, days, strict=True)
        for at in range(min(edge, day), max(edge, day))
    ]
    # Written out: parameters are limited in number, and each would be looked at.
    listed: BindParameter[list[int]] = bindparam(
        "quarters", quarters, expanding=True, literal_execute=True
    )
    found: dict[int, Counts] = defaultdict(Counts)
    if quarters:
        half = Tally.at - Tally.at % HALF_A_DAY
        found |= _sums(subject, TallyStep.QUARTER, half, Tally.at.in_(listed))
    return found


def _sums(
    subject: Subject, step: TallyStep, group: Any, is_within: ColumnElement[bool]
) -> dict[int, Counts]:
    query = (
        select(group.label("place"), *_SUMS)
        .where(*_is_of(Tally, subject), Tally.step == step.value, is_within)
        .group_by("place")
    )
    return {int(at): Counts(*map(int, sums)) for at, *sums in db.session.execute(query)}


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
    sums: dict[str, dict[str, list[int]]] = {
        kind: defaultdict(lambda: [0, 0]) for kind in ORIGIN_KINDS
    }
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
    quarters = [*pending_counts(subject, now=now), *_kept_extent(subject)]
    release_connection()
    first, last = min([*quarters, quarter(now)]), max([*quarters, quarter(now)])
    return instant(first), instant(last + 1)


def _kept_extent(subject: Subject) -> list[int]:
    """Return the first and the last quarter in the tallies, or the first day if it is older."""
    quarters, days = (_first_and_last(subject, step) for step in (TallyStep.QUARTER, TallyStep.DAY))
    # Of an account, and of all, single quarters do not stay for good.
    has_older_days = bool(days) and (not quarters or days[0] < day_of(quarters[0]))
    return [days[0], *quarters] if has_older_days else quarters


def _first_and_last(subject: Subject, step: TallyStep) -> list[int]:
    query = select(func.min(Tally.at), func.max(Tally.at)).where(
        *_is_of(Tally, subject), Tally.step == step.value
    )
    return [int(at) for at in db.session.execute(query).one() if at is not None]


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


def _add_up(counts: Iterable[Counts]) -> Counts:
    return sum(counts, Counts())


def _place(steps: Sequence[int], at: int) -> int | None:
    """Return between which steps a quarter lies."""
    if not steps or not steps[0] <= at < steps[-1]:
        return None
    return bisect_right(steps, at) - 1
