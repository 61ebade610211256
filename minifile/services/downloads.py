"""Downloads: everything between a request for bytes and the first of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import BinaryIO

from sqlalchemy import select

from minifile.extensions import db
from minifile.models import File, Link
from minifile.policy import types
from minifile.policy.counting import Part
from minifile.services import ownership
from minifile.services.archive import Layout, Member
from minifile.services.deliveries import Ticket, begin_delivery, check_servable
from minifile.services.links import find_open_link
from minifile.services.rate_limits import RateLimits
from minifile.services.unlocking import check_unlocked
from minifile.storage import Storage
from minifile.values import Span, Visitor


@dataclass(frozen=True, slots=True)
class OpenedFile:
    """A blob, open, and the ticket of its delivery (None for the owner, who is not counted)."""

    blob: BinaryIO
    ticket: Ticket | None


def find_readable_link(code: str, visitor: Visitor, *, rates: RateLimits, now: datetime) -> Link:
    """Return the link if the visitor may see and fetch it: open, and unlocked."""
    link = find_open_link(code, visitor, rates=rates, now=now)
    check_unlocked(link, visitor, rates=rates, now=now)
    return link


def check_download(link: Link, visitor: Visitor, *, now: datetime) -> None:
    """Raise LinkExhausted where a download would; for answers that send no bytes."""
    if not ownership.is_owner(link, visitor):
        check_servable(link, visitor, now=now)


def open_file(
    file: File, span: Span, visitor: Visitor, *, storage: Storage, lease: timedelta, now: datetime
) -> OpenedFile:
    """Open the blob, then count. Raises BlobMissing before anything was counted."""
    blob = storage.open(file.storage_key)
    parts = [Part(file.id, file.size_bytes, span)]
    try:
        ticket = _count(file.link, parts, visitor, fresh=not span.start, lease=lease, now=now)
    except BaseException:
        blob.close()
        raise
    return OpenedFile(blob, ticket)


def open_archive(
    link: Link,
    layout: Layout,
    span: Span,
    visitor: Visitor,
    *,
    storage: Storage,
    lease: timedelta,
    now: datetime,
) -> Ticket | None:
    """Make sure that all blobs are there, then count the parts of them that lie in the span."""
    for file in link.files:
        storage.size(file.storage_key)
    parts = [
        Part(link.files[index].id, link.files[index].size_bytes, part)
        for index, part in layout.member_spans(span)
    ]
    return _count(link, parts, visitor, fresh=not span.start, lease=lease, now=now)


def downloads_left(link: Link) -> int | None:
    """Return how many downloads are left now, the one just counted taken off."""
    query = select(Link.max_downloads, Link.download_count).where(Link.id == link.id)
    max_downloads, count = db.session.execute(query).one()
    return None if max_downloads is None else max(0, max_downloads - count)


def served_type(file: File) -> str:
    """Return the media type that the bytes may be sent with: passive ones only."""
    return types.served_type(file.content_type)


def archive_layout(link: Link) -> Layout:
    """Return how the zip of the link's files lies, byte by byte."""
    return Layout(
        [Member(file.filename, file.size_bytes, file.crc32, file.created_at) for file in link.files]
    )


def _count(
    link: Link,
    parts: Sequence[Part],
    visitor: Visitor,
    *,
    fresh: bool,
    lease: timedelta,
    now: datetime,
) -> Ticket | None:
    if ownership.is_owner(link, visitor):
        return None
    return begin_delivery(link.id, visitor, parts, fresh=fresh, lease=lease, now=now)
