"""Which links were fetched most: of a user, or of the instance."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from minifile.extensions import db, read_as_one, release_connection
from minifile.models import File, Link, Tally
from minifile.policy.timelines import quarter
from minifile.services.analytics import sum_columns, within
from minifile.services.counts import FETCHED, Counts, TallyScope
from minifile.services.pending import pending_by_link


@dataclass(frozen=True, slots=True)
class TopLink:
    """A link with what was fetched of it (FETCHED); `filename` is that of its first file."""

    id: int
    code: str
    filename: str
    counts: Counts


def top_links(
    owner_id: int | None, since: datetime, until: datetime, *, limit: int, now: datetime
) -> list[TopLink]:
    """Return the links with the most downloads that began in this time: a user's, or of all."""
    read_as_one()
    first, stop = quarter(since), quarter(until)
    query = (
        select(Tally.subject_id, *sum_columns(FETCHED))
        .where(Tally.scope == TallyScope.LINK.value, within(Tally, first, stop))
        .group_by(Tally.subject_id)
    )
    if owner_id is not None:
        query = query.join(Link, Link.id == Tally.subject_id).where(Link.owner_id == owner_id)
    found: dict[int, Counts] = defaultdict(Counts)
    for link_id, *sums in db.session.execute(query):
        found[link_id] = Counts(**dict(zip(FETCHED, map(int, sums), strict=True)))
    for (link_id, at), counts in pending_by_link(owner_id, now=now).items():
        if first <= at < stop:
            found[link_id] += counts
    fetched = [link_id for link_id, counts in found.items() if counts.downloads]
    best = sorted(fetched, key=lambda link_id: (-found[link_id].downloads, -link_id))[:limit]
    named = _names(best)
    release_connection()
    return [TopLink(each, *named[each], found[each]) for each in best if each in named]


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
