"""Analytics, for reading: what the tallies hold and what is not in them yet, as one number."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import groupby, pairwise
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Subquery,
    and_,
    cast,
    false,
    func,
    select,
    union_all,
)

from minifile.extensions import db, read_as_one, release_connection
from minifile.models import Breakdown, Tally
from minifile.policy.timelines import (
    QUARTERS_A_DAY,
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
    steps = [quarter(edge) for edge in edges]
    shortest = min((stop - first for first, stop in pairwise(steps)), default=0)
    found = (_of_days if shortest > QUARTERS_A_DAY // 2 else _of_quarters)(subject, steps)
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
    for number, moved in _beside_midnight(subject, steps):
        # Forward to the step before the edge, or back to the one behind it.
        if number > 0:
            found[number - 1] += moved
        if number < len(found):
            found[number] -= moved
    return found


def _beside_midnight(subject: Subject, steps: Sequence[int]) -> Iterator[tuple[int, Counts]]:
    """Yield the number of each edge, and what lies from the nearest day's beginning up to it.

    Of an edge before that beginning it is what lies between them, taken off.
    """
    of_day = Tally.at % QUARTERS_A_DAY
    # Where a zone changes its clock another question begins.
    for time, run in groupby(enumerate(steps), lambda each: each[1] % QUARTERS_A_DAY):
        if time == 0:
            continue
        numbers = {day_of(edge): number for number, edge in run}
        is_after = nearest_day(time) == 0
        is_between = and_(
            Tally.at >= min(numbers),
            Tally.at < max(numbers) + QUARTERS_A_DAY,
            of_day < time if is_after else of_day >= time,
            (Tally.at - of_day).in_(numbers),
        )
        rows = _sums(subject, TallyStep.QUARTER, Tally.at - of_day, is_between)
        for day, moved in rows.items():
            yield numbers[day], moved if is_after else Counts() - moved


def _sums(
    subject: Subject, step: TallyStep, group: Any, is_within: ColumnElement[bool]
) -> dict[int, Counts]:
    query = (
        select(group.label("place"), *sum_columns(Tally.__table__.c))
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


def sum_columns(rows: Any, counters: Sequence[str] = COUNTERS) -> list[Any]:
    """Return the sum of each counter, as columns of a query about rows of tallies."""
    # What PostgreSQL adds up is a decimal number, and takes long to read.
    return [cast(func.coalesce(func.sum(rows[name]), 0), BigInteger) for name in counters]


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
