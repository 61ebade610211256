"""Which links were fetched most: of a user, or of the instance."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from minifile.extensions import db, read_as_one, release_connection
from minifile.models import File, Link, Tally
from minifile.policy.timelines import quarter
from minifile.services.analytics import rows_within, sum_columns
from minifile.services.counts import FETCHED, Counts, Subject, TallyScope
from minifile.services.pending import pending_by_link

# Links that are asked for by their ids at once.
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class TopLink:
    """A link with what was fetched of it (FETCHED); `filename` is that of its first file."""

    id: int
    code: str
    filename: str
    counts: Counts


def top_links(
    subject: Subject, since: datetime, until: datetime, *, limit: int, now: datetime
) -> list[TopLink]:
    """Return the links with the most downloads that began in this time: a user's, or of all."""
    read_as_one()
    first, stop = quarter(since), quarter(until)
    pending: dict[int, Counts] = defaultdict(Counts)
    for (link_id, at), counts in pending_by_link(subject, now=now).items():
        if first <= at < stop:
            pending[link_id] += counts
    # Whatever else is among the best has something pending.
    links = sorted({*_most_downloaded(subject, first, stop, limit), *pending})
    found: dict[int, Counts] = {}
    for at in range(0, len(links), _AT_ONCE):
        found |= _read_fetched(links[at : at + _AT_ONCE], first, stop)
    for link_id, counts in pending.items():
        found[link_id] = found.get(link_id, Counts()) + counts
    had = [link_id for link_id, counts in found.items() if counts.downloads]
    best = sorted(had, key=lambda link_id: (-found[link_id].downloads, -link_id))[:limit]
    named = _names(best)
    release_connection()
    return [TopLink(each, *named[each], found[each]) for each in best if each in named]


def _most_downloaded(subject: Subject, first: int, stop: int, limit: int) -> Sequence[int]:
    """Return the links that the tallies have the most downloads of."""
    wanted = [Tally.scope == TallyScope.LINK.value]
    rows = rows_within(Tally, ("subject_id", "downloads"), wanted, first, stop).c
    query = select(rows.subject_id).group_by(rows.subject_id)
    if subject.scope is TallyScope.USER:
        query = query.join(Link, Link.id == rows.subject_id).where(Link.owner_id == subject.id)
    most = query.order_by(func.sum(rows.downloads).desc(), rows.subject_id.desc()).limit(limit)
    return db.session.scalars(most).all()


def _read_fetched(links: Sequence[int], first: int, stop: int) -> dict[int, Counts]:
    """Return what the tallies have of some links."""
    wanted = [Tally.scope == TallyScope.LINK.value, Tally.subject_id.in_(links)]
    rows = rows_within(Tally, ("subject_id", *FETCHED), wanted, first, stop).c
    query = select(rows.subject_id, *sum_columns(rows, FETCHED)).group_by(rows.subject_id)
    return {
        link_id: Counts(**dict(zip(FETCHED, map(int, sums), strict=True)))
        for link_id, *sums in db.session.execute(query)
    }


def _names(links: Sequence[int]) -> dict[int, tuple[str, str]]:
    """Return code and first filename of each link that is still there."""
    names: dict[int, tuple[str, str]] = {}
    for at in range(0, len(links), _AT_ONCE):
        names |= _read_names(links[at : at + _AT_ONCE])
    return names


def _read_names(links: Sequence[int]) -> dict[int, tuple[str, str]]:
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
