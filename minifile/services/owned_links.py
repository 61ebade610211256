"""Owned links: what one browser has made, for "my links"."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Row, func, select

from minifile.codes import token_hash
from minifile.extensions import db
from minifile.models import BrowserAccess, File, Link
from minifile.policy.access import can_undo, standing_of
from minifile.values import LinkState, Role, downloads_left

PAGE = 50
_LinkRow = Row[int, str, int, int | None, datetime, str, datetime | None, str | None]


@dataclass(frozen=True, slots=True)
class OwnedLink:
    """A link as a list shows it. `filename` is the name of one of its files."""

    code: str
    filename: str
    files: int
    size_bytes: int
    download_count: int
    max_downloads: int | None
    expires_at: datetime
    standing: str
    has_page: bool
    """Whether the sender's page can be opened still."""
    takedown_reason: str | None = None


def list_owned_links(browser: str | None, *, page: int, now: datetime) -> list[OwnedLink]:
    """Return a page of a browser's links, newest first, pages counted from 1.

    One link more than PAGE when there is a next page. Links that the purge is deleting are left
    out; two queries, however many there are.
    """
    if browser is None:
        return []
    rows = _page_of_links(browser, page)
    files = _files_of([row.id for row in rows])
    # A link without files is being purged just now.
    return [_owned(row, files[row.id], now) for row in rows if row.id in files]


def _page_of_links(browser: str, page: int) -> Sequence[_LinkRow]:
    query = (
        select(
            Link.id,
            Link.code,
            Link.download_count,
            Link.max_downloads,
            Link.expires_at,
            Link.state,
            Link.undo_until,
            Link.takedown_reason,
        )
        .join(BrowserAccess, BrowserAccess.link_id == Link.id)
        .where(
            BrowserAccess.browser_hash == token_hash(browser),
            BrowserAccess.role == Role.OWNER,
            Link.state != LinkState.DELETING,
        )
        .order_by(Link.id.desc())
    )
    return db.session.execute(query.offset((page - 1) * PAGE).limit(PAGE + 1)).all()


def _files_of(links: Sequence[int]) -> dict[int, tuple[str, int, int]]:
    """Return the first name, the number and the size of the files of each link."""
    query = select(File.link_id, func.min(File.filename), func.count(), func.sum(File.size_bytes))
    rows = db.session.execute(query.where(File.link_id.in_(links)).group_by(File.link_id))
    return {link_id: (name, count, int(size)) for link_id, name, count, size in rows}


def _owned(row: _LinkRow, files: tuple[str, int, int], now: datetime) -> OwnedLink:
    filename, count, size_bytes = files
    left = downloads_left(row.max_downloads, row.download_count)
    standing = standing_of(row.state, row.expires_at, left, now)
    return OwnedLink(
        code=row.code,
        filename=filename,
        files=count,
        size_bytes=size_bytes,
        download_count=row.download_count,
        max_downloads=row.max_downloads,
        expires_at=row.expires_at,
        standing=standing if row.takedown_reason is None else "taken down",
        takedown_reason=row.takedown_reason,
        has_page=standing in ("open", "exhausted") or can_undo(row, now),
    )
