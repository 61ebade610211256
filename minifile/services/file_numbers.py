"""What was counted of the files of a link, one line for each."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from minifile.extensions import db, read_as_one, release_connection
from minifile.models import File, Tally
from minifile.policy.timelines import quarter
from minifile.services.analytics import rows_within, sum_columns
from minifile.services.counts import Counts, TallyScope
from minifile.services.pending import pending_by_file

# What is told of each file; clients of one file only.
SHOWN = (
    *("deliveries", "deliveries_completed", "deliveries_handed_over", "deliveries_resumed"),
    *("bytes_sent", "bytes_arrived", "previews"),
)


@dataclass(frozen=True, slots=True)
class FileNumbers:
    """A file with what is counted of it; clients are told on the page of one file only."""

    id: int
    filename: str
    size_bytes: int
    counts: Counts


def count_files(
    link_id: int, since: datetime, until: datetime, *, now: datetime
) -> list[FileNumbers]:
    """Return the files of a link with what began from `since` up to `until`, in their order."""
    read_as_one()
    first, stop = quarter(since), quarter(until)
    files = select(File.id, File.filename, File.size_bytes).where(File.link_id == link_id)
    rows = db.session.execute(files.order_by(File.position, File.id)).all()
    found: dict[int, Counts] = defaultdict(Counts)
    for file_id, counts in (*_tallied(link_id, first, stop), *_pending(link_id, first, stop, now)):
        found[file_id] += counts
    release_connection()
    return [FileNumbers(row.id, row.filename, row.size_bytes, found[row.id]) for row in rows]


def _tallied(link_id: int, first: int, stop: int) -> list[tuple[int, Counts]]:
    files = select(File.id).where(File.link_id == link_id)
    wanted = [Tally.scope == TallyScope.FILE.value, Tally.subject_id.in_(files)]
    rows = rows_within(Tally, ("subject_id", *SHOWN), wanted, first, stop).c
    query = select(rows.subject_id, *sum_columns(rows, SHOWN)).group_by(rows.subject_id)
    return [
        (file_id, Counts(**dict(zip(SHOWN, map(int, sums), strict=True))))
        for file_id, *sums in db.session.execute(query)
    ]


def _pending(link_id: int, first: int, stop: int, now: datetime) -> Iterable[tuple[int, Counts]]:
    return (
        (file_id, counts)
        for (file_id, at), counts in pending_by_file(link_id, now=now).items()
        if first <= at < stop
    )
