"""Analytics, for reading: what the tallies hold and what is not in them yet, as one number."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, Subquery, false, func, select, union_all

from minifile.extensions import db, read_as_one, release_connection
from minifile.models import Breakdown, File, Link, Tally
from minifile.policy.timelines import TallyStep, instant, pieces, quarter, runs
from minifile.services.counts import COUNTERS, FETCHED, Counts, Share, Subject, TallyScope
from minifile.services.pending import pending_by_link, pending_counts, pending_shares

# Links whose tallies are asked for by their ids at once.
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class TopLink:
    """A link with what was fetched of it (FETCHED); `filename` is that of its first file."""

    id: int
    code: str
    filename: str
    counts: Counts


def count(subject: Subject, since: datetime, until: datetime, *, now: datetime) -> Counts:
    """Return the counters of a subject from `since` up to `until`, which begin quarters."""
    read_as_one()
    first, stop = quarter(since), quarter(until)
    rows = _within(Tally, COUNTERS, _is_of(Tally, subject), first, stop)
    row = db.session.execute(select(*_sums(rows.c))).one()
    pending = pending_counts(subject, now=now)
    release_connection()
    return _add_up([Counts(*map(int, row)), *_of_quarters(pending, first, stop)])


def timeline(subject: Subject, edges: Sequence[datetime], *, now: datetime) -> list[Counts]:
    """Return the counters between each two edges, which begin quarters and are in order."""
    read_as_one()
    found: dict[int, Counts] = defaultdict(Counts)
    steps = [quarter(edge) for edge in edges]
    number = {first: at for at, first in enumerate(steps[:-1])}
    for first, width, length in runs(edges):
        step = (Tally.at - first) // width
        query = (
            select(step.label("number"), *_sums(Tally.__table__.c))
            .where(*_is_of(Tally, subject), Tally.step == TallyStep.QUARTER)
            .where(Tally.at >= first, Tally.at < first + width * length)
            .group_by("number")
        )
        for at, *sums in db.session.execute(query):
            found[number[first] + int(at)] += Counts(*map(int, sums))
    for at, counts in pending_counts(subject, now=now).items():
        place = _place(steps, at)
        if place is not None:
            found[place] += counts
    release_connection()
    return [found[at] for at in range(len(edges) - 1)]


def break_down(
    subject: Subject, kind: str, since: datetime, until: datetime, *, limit: int
) -> list[Share]:
    """Return what came by family, system, country or referrer, the most downloads first.

    What does not fit into `limit` is added up at the end under an empty value.
    """
    read_as_one()
    first, stop = quarter(since), quarter(until)
    wanted = [*_is_of(Breakdown, subject), Breakdown.kind == kind]
    rows = _within(Breakdown, ("value", "downloads", "opened"), wanted, first, stop).c
    query = select(rows.value, func.sum(rows.downloads), func.sum(rows.opened))
    query = query.group_by(rows.value)
    sums: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for value, downloads, opened in (
        *db.session.execute(query),
        *pending_shares(subject, kind, first, stop),
    ):
        sums[value][0] += int(downloads)
        sums[value][1] += int(opened)
    release_connection()
    shares = [Share(value, *found) for value, found in sums.items()]
    shares.sort(key=lambda share: (-share.downloads, -share.opened, share.value))
    rest = shares[limit:]
    if not rest:
        return shares
    other = Share("", sum(each.downloads for each in rest), sum(each.opened for each in rest))
    return [*shares[:limit], other]


def top_links(
    owner_id: int | None, since: datetime, until: datetime, *, limit: int, now: datetime
) -> list[TopLink]:
    """Return the links with the most downloads that began in this time: a user's, or of all."""
    read_as_one()
    first, stop = quarter(since), quarter(until)
    pending: dict[int, Counts] = defaultdict(Counts)
    for (link_id, at), counts in pending_by_link(owner_id, now=now).items():
        if first <= at < stop:
            pending[link_id] += counts
    # Whatever else is among the best has something pending.
    found = _read_fetched(_fetched_by_link(owner_id, first, stop, limit=limit))
    others = sorted(pending.keys() - found.keys())
    for at in range(0, len(others), _AT_ONCE):
        page = others[at : at + _AT_ONCE]
        found |= _read_fetched(_fetched_by_link(owner_id, first, stop, links=page))
    for link_id, counts in pending.items():
        found[link_id] = found.get(link_id, Counts()) + counts
    had = [link_id for link_id, counts in found.items() if counts.downloads]
    best = sorted(had, key=lambda link_id: (-found[link_id].downloads, -link_id))[:limit]
    named = _names(best)
    release_connection()
    return [TopLink(each, *named[each], found[each]) for each in best if each in named]


def first_instant(subject: Subject, *, now: datetime) -> datetime:
    """Return the beginning of the first quarter in which anything was counted, or of this one."""
    read_as_one()
    query = select(func.min(Tally.at)).where(
        *_is_of(Tally, subject), Tally.step == TallyStep.QUARTER
    )
    kept = db.session.scalar(query)
    quarters = [*pending_counts(subject, now=now), quarter(now)]
    release_connection()
    return instant(min(quarters if kept is None else [*quarters, int(kept)]))


def _fetched_by_link(
    owner_id: int | None,
    first: int,
    stop: int,
    *,
    links: Sequence[int] | None = None,
    limit: int | None = None,
) -> Select[Any]:
    """Select what was fetched of some links, or of as many as have the most downloads."""
    wanted = [Tally.scope == TallyScope.LINK.value]
    if links is not None:
        wanted.append(Tally.subject_id.in_(links))
    rows = _within(Tally, ("subject_id", *FETCHED), wanted, first, stop).c
    query = select(rows.subject_id, *_sums(rows, FETCHED)).group_by(rows.subject_id)
    if owner_id is not None:
        query = query.join(Link, Link.id == rows.subject_id).where(Link.owner_id == owner_id)
    return query.order_by(func.sum(rows.downloads).desc(), rows.subject_id.desc()).limit(limit)


def _read_fetched(query: Select[Any]) -> dict[int, Counts]:
    return {
        link_id: Counts(**dict(zip(FETCHED, map(int, sums), strict=True)))
        for link_id, *sums in db.session.execute(query)
    }


def _names(links: Sequence[int]) -> dict[int, tuple[str, str]]:
    first = func.min(File.position)
    query = (
        select(Link.id, Link.code, File.filename, first)
        .join(File, File.link_id == Link.id)
        .where(Link.id.in_(links))
        .group_by(Link.id, Link.code, File.filename)
        .order_by(Link.id, first)
    )
    names: dict[int, tuple[str, str]] = {}
    for link_id, code, filename, _ in db.session.execute(query):
        names.setdefault(link_id, (code, filename))
    return names


def _sums(rows: Any, counters: Sequence[str] = COUNTERS) -> list[Any]:
    return [func.coalesce(func.sum(rows[name]), 0) for name in counters]


def _is_of(table: type[Tally] | type[Breakdown], subject: Subject) -> list[ColumnElement[bool]]:
    return [table.scope == subject.scope.value, table.subject_id == subject.id]


def _within(
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
