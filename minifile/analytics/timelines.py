"""The timelines of a page: counters by step, each as a chart with its table."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time

from minifile.analytics.charts import Chart, Series, draw
from minifile.analytics.moments import moments_of, name_days
from minifile.services.counts import Counts
from minifile.services.expiries import Expiries
from minifile.services.growth import Space
from minifile.services.periods import Period


@dataclass(frozen=True, slots=True)
class _Column:
    """A column of the table; with a look it is drawn as well."""

    words: str
    of: Callable[[Counts], int]
    look: str = ""
    is_bytes: bool = False


# What is neither completed nor aborted: handed over, so that nobody knows, or still on its way.
_DOWNLOADS = (
    _Column("Downloads", lambda each: each.downloads),
    _Column("Completed", lambda each: each.downloads_completed, "done"),
    _Column(
        "Under way or handed over",
        lambda each: each.downloads_fetching + each.downloads_handed_over,
        "open",
    ),
    _Column("Aborted", lambda each: each.downloads_aborted, "rest"),
)
_DELIVERIES = (
    _Column("Deliveries", lambda each: each.deliveries),
    _Column("Completed", lambda each: each.deliveries_completed, "done"),
    _Column(
        "Under way or handed over",
        lambda each: each.fetching + each.deliveries_handed_over,
        "open",
    ),
    _Column("Aborted", lambda each: each.deliveries_aborted, "rest"),
)
_SENT = (
    _Column("Sent", lambda each: each.bytes_sent, "done", is_bytes=True),
    _Column("Arrived", lambda each: each.bytes_arrived, is_bytes=True),
)
_VISITS = (
    _Column("Opened", lambda each: each.opened, "done"),
    _Column("Previews", lambda each: each.previews),
    _Column("Bots", lambda each: each.bots),
    _Column("Wrong passwords", lambda each: each.wrong_passwords),
    _Column(
        "Refused",
        lambda each: each.refused_expired + each.refused_exhausted + each.refused_revoked,
    ),
)
_UPLOADS = (
    _Column("Links", lambda each: each.links, "done"),
    _Column("Files", lambda each: each.files),
)
_RECEIVED = (_Column("Received", lambda each: each.bytes_received, "done", is_bytes=True),)
# By the id of the chart: its title and its columns.
_CHARTS: Mapping[str, tuple[str, Sequence[_Column]]] = {
    "downloads": ("Downloads", _DOWNLOADS),
    "deliveries": ("Deliveries of the file", _DELIVERIES),
    "sent": ("Bytes sent", _SENT),
    "opened": ("Pages opened", _VISITS),
    "uploads": ("Links made", _UPLOADS),
    "received": ("Bytes received", _RECEIVED),
}
# What is shown of many links together.
OF_MANY_LINKS = ("downloads", "sent", "opened", "uploads", "received")


def charts_of(names: Iterable[str], counts: Sequence[Counts], period: Period) -> list[Chart]:
    """Return charts of counters by step, by their names; a file has deliveries for downloads."""
    return [_chart(name, *_CHARTS[name], counts, period) for name in names]


def space_chart(measured: Sequence[Space], period: Period) -> Chart:
    """Return how much was there on each day that was measured, or on the last one of each step."""
    space = _last_of_steps(measured, period)
    days = name_days([_midnight(each) for each in space])
    series = [
        Series("Stored", [each.size_bytes for each in space], "done", is_bytes=True),
        Series("Links", [each.links for each in space]),
        Series("Files", [each.files for each in space]),
    ]
    return draw("space", "Space used", days, series)


def _last_of_steps(measured: Sequence[Space], period: Period) -> list[Space]:
    last = {bisect_right(period.edges, _midnight(each)): each for each in measured}
    return list(last.values())


def _midnight(space: Space) -> datetime:
    return datetime.combine(space.day, time(), UTC)


def expiries_chart(expiries: Sequence[Expiries]) -> Chart:
    """Return what expires on each day ahead."""
    days = name_days([each.begins_at for each in expiries])
    series = [
        Series("Links", [each.links for each in expiries], "done"),
        Series("Freed", [each.size_bytes for each in expiries], is_bytes=True),
    ]
    return draw("expiries", "Expiries ahead", days, series)


def _chart(
    chart_id: str,
    title: str,
    columns: Sequence[_Column],
    counts: Sequence[Counts],
    period: Period,
) -> Chart:
    series = [
        Series(column.words, [column.of(each) for each in counts], column.look, column.is_bytes)
        for column in columns
    ]
    # What never happened needs no colour.
    shown = [each for each in series if each.look != "open" or any(each.values)]
    return draw(chart_id, title, moments_of(period), shown)
