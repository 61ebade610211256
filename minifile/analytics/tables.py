"""The tables that can be exported."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import pairwise

from minifile.analytics.exports import Cell, Table
from minifile.services.analytics import break_down, timeline
from minifile.services.counts import COUNTERS, FETCHED, Counts, Subject
from minifile.services.details import DeliveryDetail, iterate_deliveries
from minifile.services.file_numbers import SHOWN, count_files
from minifile.services.periods import Period
from minifile.services.top_links import TopLink, top_links

_COUNTED = (*COUNTERS, "downloads_aborted", "deliveries_aborted", "fetching")
# More values than that a page of numbers is not about; they are added up in a row without a name.
_MOST_SOURCES = 10_000
_MOST_LINKS = 10_000
_DETAILS = (
    *("started_at", "completed_at", "download", "filename", "size_bytes", "state"),
    *("bytes_arrived", "bytes_sent", "resumes", "who"),
    *("program", "system", "country", "referrer", "address"),
)


def timeline_table(subject: Subject, period: Period, *, now: datetime) -> Table:
    """Return all counters by step."""
    counts = timeline(subject, period.edges, now=now)
    rows: Iterable[list[Cell]] = (
        [*edges, *_counted(each, _COUNTED)]
        for edges, each in zip(pairwise(period.edges), counts, strict=True)
    )
    return Table("timeline", ("begins_at", "ends_at", *_COUNTED), rows)


def sources_table(subject: Subject, period: Period) -> Table:
    """Return downloads and opened pages by program, system, country and site."""
    found = break_down(subject, period.since, period.until, limit=_MOST_SOURCES)
    rows: Iterable[list[Cell]] = (
        [kind, share.value, share.downloads, share.opened]
        for kind, shares in found.items()
        for share in shares
    )
    return Table("sources", ("kind", "value", "downloads", "opened"), rows)


def files_table(link_id: int, period: Period, *, now: datetime) -> Table:
    """Return the files of a link with what is counted of each."""
    rows: Iterable[list[Cell]] = (
        [each.filename, each.size_bytes, *_counted(each.counts, SHOWN)]
        for each in count_files(link_id, period.since, period.until, now=now)
    )
    return Table("files", ("filename", "size_bytes", *SHOWN), rows)


def deliveries_table(link_id: int, file_id: int | None, period: Period, *, now: datetime) -> Table:
    """Return the single deliveries that are kept, the newest first."""
    found = iterate_deliveries(
        link_id, since=period.since, until=period.until, file_id=file_id, now=now
    )
    return Table("deliveries", _DETAILS, (_detail(each) for each in found))


def links_table(subject: Subject, period: Period, *, now: datetime) -> Table:
    """Return the links of a user, or all, that were fetched, the most fetched first."""
    found = top_links(subject, period.since, period.until, limit=_MOST_LINKS, now=now)
    return Table("links", ("code", "filename", *FETCHED), (_link(each) for each in found))


def _link(link: TopLink) -> list[Cell]:
    return [link.code, link.filename, *_counted(link.counts, FETCHED)]


def _counted(counts: Counts, names: Sequence[str]) -> list[int]:
    return [getattr(counts, name) for name in names]


def _detail(each: DeliveryDetail) -> list[Cell]:
    origin = each.origin
    return [
        each.started_at, each.completed_at, each.download_id, each.filename, each.size_bytes,
        str(each.state), each.bytes_arrived, each.bytes_sent, each.resumes, each.who,
        origin.family, origin.system, origin.country, origin.referrer, origin.address,
    ]  # fmt: skip
