"""Analytics of one link, or of one of its files."""

from datetime import datetime

from flask import Response, make_response, render_template, request, url_for

from minifile.analytics.asking import about_period, asked_id, asked_period, keep_zone
from minifile.analytics.exports import Table, send_table
from minifile.analytics.funnel import stages_of
from minifile.analytics.shares import read_shares
from minifile.analytics.tables import (
    deliveries_table,
    files_table,
    sources_table,
    timeline_table,
)
from minifile.analytics.timelines import charts_of
from minifile.errors import NotFound
from minifile.services.analytics import timeline
from minifile.services.counts import Counts, Subject, TallyScope
from minifile.services.details import DeliveryDetail, list_deliveries
from minifile.services.file_numbers import FileNumbers, count_files
from minifile.services.periods import ALL, Period
from minifile.values import FileRecord, LinkRecord
from minifile.web.current import utcnow
from minifile.web.paging import cut

# Of a link all of it, since links do not live long.
_DEFAULT = ALL
_DELIVERIES = 50


def link_page(link: LinkRecord, owner_token: str | None) -> Response:
    """Show what was counted of a link, or of the file that the address names. Raises BadOption."""
    now, file = utcnow(), _asked_file(link)
    subject = _subject(link, file)
    period = asked_period(subject, default=_DEFAULT, now=now)
    counts = timeline(subject, period.edges, now=now)
    total = sum(counts, Counts())
    main = "downloads" if file is None else "deliveries"
    deliveries, has_more = cut(_deliveries(link, file, period, now), _DELIVERIES)
    page = render_template(
        "analytics/link.html",
        link=link,
        file=file,
        back=_back(link, owner_token),
        total=total,
        stages=stages_of(total),
        charts=charts_of((main, "sent", "opened"), counts, period),
        shares=read_shares(subject, period),
        files=_files(link, file, period, now),
        deliveries=deliveries,
        has_more=has_more,
        **about_period(period),
    )
    return keep_zone(make_response(page))


def link_export(link: LinkRecord, table: str, form: str) -> Response:
    """Send one of the tables of a link. Raises NotFound for what there is not."""
    now, file = utcnow(), _asked_file(link)
    period = asked_period(_subject(link, file), default=_DEFAULT, now=now)
    return send_table(_table(link, file, table, period, now), form, period, link=link.code)


def _table(
    link: LinkRecord, file: FileRecord | None, name: str, period: Period, now: datetime
) -> Table:
    subject = _subject(link, file)
    match name:
        case "timeline":
            return timeline_table(subject, period, now=now)
        case "sources" if file is None:
            return sources_table(subject, period)
        case "files" if file is None:
            return files_table(link.id, period, now=now)
        case "deliveries":
            return deliveries_table(link.id, _id(file), period, now=now)
    of_link = "" if file else "sources, files, "
    raise NotFound(f"There is no such export: take timeline, {of_link}or deliveries.")


def _asked_file(link: LinkRecord) -> FileRecord | None:
    """Return the file that the address names, if any. Raises NotFound."""
    if not request.args.get("file"):
        return None
    file_id = asked_id("file")
    for file in link.files:
        if file.id == file_id:
            return file
    raise NotFound("This link has no such file.")


def _subject(link: LinkRecord, file: FileRecord | None) -> Subject:
    return Subject(TallyScope.LINK, link.id) if file is None else Subject(TallyScope.FILE, file.id)


def _deliveries(
    link: LinkRecord, file: FileRecord | None, period: Period, now: datetime
) -> list[DeliveryDetail]:
    return list_deliveries(
        link.id, since=period.since, until=period.until, file_id=_id(file),
        before_id=asked_id("before"), limit=_DELIVERIES + 1, now=now,
    )  # fmt: skip


def _files(
    link: LinkRecord, file: FileRecord | None, period: Period, now: datetime
) -> list[FileNumbers]:
    """Return the lines of a bundle's files; a single file has the numbers of its link."""
    if file is not None or len(link.files) == 1:
        return []
    return count_files(link.id, period.since, period.until, now=now)


def _back(link: LinkRecord, owner_token: str | None) -> str:
    """Return where the sender's page is for this browser."""
    if owner_token is not None:
        return url_for("links.enter", code=link.code, owner_token=owner_token)
    return url_for("links.show", code=link.code)


def _id(file: FileRecord | None) -> int | None:
    return None if file is None else file.id
