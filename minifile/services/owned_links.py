"""Owned links: what a user, or one browser, has made, for "my links"."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Row,
    ScalarSelect,
    Select,
    and_,
    exists,
    false,
    func,
    or_,
    select,
    union_all,
)

from minifile.codes import token_hash
from minifile.extensions import db
from minifile.identity import Scope
from minifile.models import BrowserAccess, File, Link
from minifile.policy.access import can_undo, standing_of
from minifile.policy.identity import as_text
from minifile.values import LinkState, Role, Visitor, downloads_left

PAGE = 50
# Longer texts are no part of any name or note.
_MAX_SEARCH = 200
_LinkRow = Row[int, str, int, int | None, datetime, str, datetime | None, bool, str | None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which of the links, in which order, and which page of them, counted from 1."""

    search: str = ""
    """A part of a filename, of the code or of the note."""
    standing: str = ""
    """One of STANDINGS, or nothing for all."""
    sort: str = "newest"
    """One of SORTS."""
    page: int = 1


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
    is_private: bool = False
    takedown_reason: str | None = None


@dataclass(frozen=True, slots=True)
class Totals:
    """All links of an owner together; bytes are those of the live ones."""

    links: int
    live_links: int
    size_bytes: int
    downloads: int


def list_owned_links(visitor: Visitor, wanted: Wanted, *, now: datetime) -> list[OwnedLink]:
    """Return a page of the visitor's links: those of the account, and of the browser.

    One link more than PAGE when there is a next page. Links that the purge is deleting are left
    out; two queries, however many there are.
    """
    query = select(
        Link.id,
        Link.code,
        Link.download_count,
        Link.max_downloads,
        Link.expires_at,
        Link.state,
        Link.undo_until,
        Link.is_private,
        Link.takedown_reason,
    ).where(_is_owned(visitor), *_conditions(wanted, now))
    query = query.order_by(*_ORDERS[wanted.sort]).offset((wanted.page - 1) * PAGE)
    rows: Sequence[_LinkRow] = db.session.execute(query.limit(PAGE + 1)).all()
    files = _files_of([row.id for row in rows])
    # A link without files is being purged just now.
    return [_owned(row, files[row.id], now) for row in rows if row.id in files]


def add_up_owned_links(visitor: Visitor, *, now: datetime) -> Totals:
    """Return how much a visitor's links are together."""
    owned = _is_owned(visitor)
    is_live = and_(Link.state == LinkState.OPEN, Link.expires_at > now)
    size = select(func.sum(File.size_bytes)).join(Link, Link.id == File.link_id)
    sums = select(
        func.count(Link.id),
        func.count(Link.id).filter(is_live),
        size.where(owned, is_live).scalar_subquery(),
        func.sum(Link.download_count),
    ).where(owned)
    return Totals(*(int(number or 0) for number in db.session.execute(sums).one()))


def _is_owned(visitor: Visitor) -> ColumnElement[bool]:
    """Ask for the links of a visitor, each found by an index."""
    owned: list[Select[Any]] = []
    if visitor.account is not None and visitor.account.may(Scope.READ):
        owned.append(select(Link.id).where(Link.owner_id == visitor.account.id))
    if visitor.browser is not None:
        owned.append(
            select(BrowserAccess.link_id)
            .join(Link, Link.id == BrowserAccess.link_id)
            .where(
                BrowserAccess.browser_hash == token_hash(visitor.browser),
                BrowserAccess.role == Role.OWNER,
                Link.owner_id.is_(None),
            )
        )
    if not owned:
        return false()
    # Child links stand on the page of their parent.
    return and_(
        Link.id.in_(union_all(*owned)),
        Link.state != LinkState.DELETING,
        Link.parent_id.is_(None),
    )


def _conditions(wanted: Wanted, now: datetime) -> list[ColumnElement[bool]]:
    conditions = [STANDINGS[wanted.standing](now)] if wanted.standing in STANDINGS else []
    part = as_text(wanted.search).strip()[:_MAX_SEARCH]
    if part:
        has_name = exists().where(
            File.link_id == Link.id, File.filename.icontains(part, autoescape=True)
        )
        has_note = Link.note.icontains(part, autoescape=True)
        conditions.append(or_(has_name, has_note, Link.code.contains(part, autoescape=True)))
    return conditions


def _is_open(now: datetime) -> ColumnElement[bool]:
    return and_(Link.state == LinkState.OPEN, Link.expires_at > now, ~_IS_EXHAUSTED)


_IS_EXHAUSTED = and_(
    Link.max_downloads.is_not(None), Link.download_count >= func.coalesce(Link.max_downloads, 0)
)
STANDINGS: Mapping[str, Any] = {
    "open": _is_open,
    "exhausted": lambda now: and_(
        Link.state == LinkState.OPEN, Link.expires_at > now, _IS_EXHAUSTED
    ),
    "expired": lambda now: and_(Link.state == LinkState.OPEN, Link.expires_at <= now),
    "revoked": lambda _now: Link.state == LinkState.REVOKED,
    "private": lambda _now: Link.is_private,
}


def _of_files(column: ColumnElement[Any]) -> ScalarSelect[Any]:
    return select(column).where(File.link_id == Link.id).correlate(Link).scalar_subquery()


_ORDERS: Mapping[str, tuple[ColumnElement[Any], ...]] = {
    "newest": (Link.id.desc(),),
    "oldest": (Link.id.asc(),),
    "expiry": (Link.expires_at.asc(), Link.id.desc()),
    "size": (_of_files(func.sum(File.size_bytes)).desc(), Link.id.desc()),
    "downloads": (Link.download_count.desc(), Link.id.desc()),
    "name": (func.lower(_of_files(func.min(File.filename))).asc(), Link.id.desc()),
}
SORTS = tuple(_ORDERS)


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
        standing=standing,
        has_page=standing in ("open", "exhausted") or can_undo(row, now),
        is_private=row.is_private,
        takedown_reason=row.takedown_reason,
    )
