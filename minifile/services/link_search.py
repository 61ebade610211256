"""Links as an admin sees them: found by what is known of them, looked at without their bytes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, exists, func, or_, select
from sqlalchemy.orm import aliased

from minifile.errors import NotFound
from minifile.extensions import db
from minifile.models import File, Link, Report, User
from minifile.policy.access import standing_of
from minifile.policy.identity import email_key, name_key
from minifile.services.digests import blocked_among
from minifile.values import LinkState, downloads_left

PAGE = 50
MAX_ASKED = 300
STANDINGS = ("open", "exhausted", "expired", "revoked", "taken down")
TAKEN_DOWN = "taken down"


@dataclass(frozen=True, slots=True)
class FoundLink:
    """A link in a list; `filename` is the name of one of its files."""

    id: int
    code: str
    filename: str
    files: int
    size_bytes: int
    created_at: datetime
    expires_at: datetime
    download_count: int
    max_downloads: int | None
    standing: str
    owner_id: int | None
    owner: str | None
    reports: int
    """Those that nobody has handled."""


@dataclass(frozen=True, slots=True)
class InspectedFile:
    """A file, and whether it is accepted still."""

    filename: str
    content_type: str
    size_bytes: int
    sha256: str
    is_blocked: bool


@dataclass(frozen=True, slots=True)
class InspectedLink:
    """All that is known of a link, but its bytes and its secrets."""

    summary: FoundLink
    files: Sequence[InspectedFile]
    is_locked: bool
    is_private: bool
    parent_id: int | None
    children: int
    preview_count: int
    note: str | None
    closed_at: datetime | None
    takedown_reason: str | None


def search_links(
    text: str = "", standing: str | None = None, *, page: int = 1, now: datetime
) -> list[FoundLink]:
    """Return a page of links, the newest first; one more than PAGE if more follow.

    `text` is a part of a filename, or a code, a short link, a SHA-256, the name of an owner or
    their e-mail address. Links that are being purged are left out.
    """
    wanted = [Link.state != LinkState.DELETING]
    if text.strip():
        wanted.append(_fits(text.strip()[:MAX_ASKED]))
    if standing is not None:
        wanted.append(_stands(standing, now))
    query = select(Link.id).where(*wanted).order_by(Link.id.desc())
    return _found(list(db.session.scalars(query.offset((page - 1) * PAGE).limit(PAGE + 1))), now)


def inspect_link(link_id: int, *, now: datetime) -> InspectedLink:
    """Return what is known of a link. Raises NotFound."""
    row = db.session.get(Link, link_id, populate_existing=True)
    found = _found([link_id], now)
    if row is None or not found:
        raise NotFound("There is no such link. It may have been purged.")
    children = db.session.scalar(select(func.count()).where(Link.parent_id == link_id)) or 0
    return InspectedLink(
        summary=found[0],
        files=_files(row.parent_id or link_id),
        is_locked=row.password_hash is not None,
        is_private=row.is_private,
        parent_id=row.parent_id,
        children=children,
        preview_count=row.preview_count,
        note=row.note,
        closed_at=row.closed_at,
        takedown_reason=row.takedown_reason,
    )


def find_link_id(text: str) -> int:
    """Return the id of the link of a code, a short link or an id (`#12`). Raises NotFound."""
    text = text.strip()
    if text.startswith("#") and text[1:].isascii() and text[1:].isdigit() and len(text) < 19:
        query = select(Link.id).where(Link.id == int(text[1:]))
    else:
        query = select(Link.id).where(_has_code(text))
    found = db.session.scalar(query)
    if found is None:
        raise NotFound("There is no such link.")
    return found


def _fits(text: str) -> ColumnElement[bool]:
    owner = aliased(User)
    is_owner = or_(owner.name_key == name_key(text), owner.email_key == email_key(text))
    has_name = File.filename.icontains(text, autoescape=True)
    return or_(
        _has_code(text),
        exists().where(_is_file_of_link(), or_(has_name, File.sha256 == text.lower())),
        exists().where(owner.id == Link.owner_id, is_owner),
    )


def _has_code(text: str) -> ColumnElement[bool]:
    """Ask for the code in what was pasted: the code alone, or a whole short link."""
    # Not `==`: only the two finders turn a visitor's code into a link, and a test holds them to it.
    return Link.code.in_([text.rstrip("/").rpartition("/")[2]])


def _is_file_of_link() -> ColumnElement[bool]:
    return or_(File.link_id == Link.id, File.link_id == Link.parent_id)


def _stands(standing: str, now: datetime) -> ColumnElement[bool]:
    is_open = and_(Link.state == LinkState.OPEN, Link.expires_at > now)
    is_used_up = and_(Link.max_downloads.is_not(None), Link.download_count >= Link.max_downloads)
    return {
        "open": and_(is_open, ~is_used_up),
        "exhausted": and_(is_open, is_used_up),
        "expired": and_(Link.state == LinkState.OPEN, Link.expires_at <= now),
        "revoked": and_(Link.state == LinkState.REVOKED, Link.takedown_reason.is_(None)),
        TAKEN_DOWN: Link.takedown_reason.is_not(None),
    }[standing]


def _found(ids: Sequence[int], now: datetime) -> list[FoundLink]:
    query = select(Link, User.name).outerjoin(User, User.id == Link.owner_id)
    rows = db.session.execute(query.where(Link.id.in_(ids)).order_by(Link.id.desc())).all()
    holders = [link.parent_id or link.id for link, _ in rows]
    files, reports = _files_of(holders), _open_reports_of(ids)
    return [
        _as_found(link, owner, files.get(link.parent_id or link.id), reports.get(link.id, 0), now)
        for link, owner in rows
    ]


def _as_found(
    link: Link, owner: str | None, files: tuple[str, int, int] | None, reports: int, now: datetime
) -> FoundLink:
    filename, count, size_bytes = files or ("", 0, 0)
    left = downloads_left(link.max_downloads, link.download_count)
    standing = standing_of(link.state, link.expires_at, left, now)
    return FoundLink(
        id=link.id,
        code=link.code,
        filename=filename,
        files=count,
        size_bytes=size_bytes,
        created_at=link.created_at,
        expires_at=link.expires_at,
        download_count=link.download_count,
        max_downloads=link.max_downloads,
        standing=standing if link.takedown_reason is None else TAKEN_DOWN,
        owner_id=link.owner_id,
        owner=owner,
        reports=reports,
    )


def _files_of(links: Sequence[int]) -> dict[int, tuple[str, int, int]]:
    """Return the first name, the number and the size of the files of each link."""
    query = select(File.link_id, func.min(File.filename), func.count(), func.sum(File.size_bytes))
    rows = db.session.execute(query.where(File.link_id.in_(links)).group_by(File.link_id))
    return {link_id: (name, count, int(size)) for link_id, name, count, size in rows}


def _open_reports_of(links: Sequence[int]) -> dict[int, int]:
    query = select(Report.link_id, func.count()).where(
        Report.link_id.in_(links), Report.handled_at.is_(None)
    )
    rows = db.session.execute(query.group_by(Report.link_id))
    return {row[0]: row[1] for row in rows}


def _files(link_id: int) -> list[InspectedFile]:
    rows = db.session.scalars(
        select(File).where(File.link_id == link_id).order_by(File.position)
    ).all()
    blocked = blocked_among([row.sha256 for row in rows])
    return [
        InspectedFile(
            row.filename, row.content_type, row.size_bytes, row.sha256, row.sha256 in blocked
        )
        for row in rows
    ]
