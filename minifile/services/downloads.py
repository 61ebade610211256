"""Downloads: everything between a request for bytes and the first of them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import BinaryIO

from sqlalchemy import bindparam, select

from minifile.errors import BlobMissing, FileRemoved
from minifile.extensions import db
from minifile.models import File
from minifile.policy import types
from minifile.policy.counting import FileSpan
from minifile.services.archive import Layout, Member
from minifile.services.commits import Work, commit
from minifile.services.deliveries import Ticket, beginning, check_servable, is_durable
from minifile.services.links import find_open_link
from minifile.services.ownership import rights_of
from minifile.services.rate_limits import RateLimits
from minifile.services.statements import Statement
from minifile.services.statements import reading as reading_rows
from minifile.services.unlocking import check_unlocked
from minifile.storage import Storage
from minifile.values import FileRecord, LinkRecord, Role, Span, Visitor

_IS_THERE = Statement(select(File.id).where(File.id == bindparam("file_id")))


@dataclass(frozen=True, slots=True)
class Reading:
    """A link as one visitor may read it: open, and unlocked."""

    link: LinkRecord
    visitor: Visitor
    is_owner: bool
    """The owner's downloads are not counted, and no limit stops them."""


@dataclass(frozen=True, slots=True)
class PreparedFile:
    """A blob, open, and the work that counts its download (None for the owner)."""

    blob: BinaryIO
    work: Work[Ticket] | None


@dataclass(frozen=True, slots=True)
class OpenedFile:
    """A blob, open, and the ticket of its delivery (None for the owner, who is not counted)."""

    blob: BinaryIO
    ticket: Ticket | None


def find_readable_link(code: str, visitor: Visitor, *, rates: RateLimits, now: datetime) -> Reading:
    """Return the link if the visitor may see and fetch it.

    Raises what `find_open_link` and `check_unlocked` raise.
    """
    link = find_open_link(code, visitor, rates=rates, now=now)
    rights = rights_of(visitor, link)
    check_unlocked(link, visitor, rights, rates=rates, now=now)
    return Reading(link, visitor, is_owner=Role.OWNER in rights)


def check_download(reading: Reading, *, now: datetime) -> None:
    """Raise LinkExhausted where a download would; for answers that send no bytes."""
    if not reading.is_owner:
        check_servable(reading.link, reading.visitor, now=now)


def open_file(
    reading: Reading,
    file: FileRecord,
    span: Span,
    *,
    storage: Storage,
    lease: timedelta,
    now: datetime,
) -> OpenedFile:
    """Open the blob, then count. Raises BlobMissing or FileRemoved before anything was counted."""
    prepared = prepare_file(reading, file, span, storage=storage, lease=lease, now=now)
    try:
        ticket = _count(reading, prepared.work)
    except BaseException:
        prepared.blob.close()
        raise
    return OpenedFile(prepared.blob, ticket)


def prepare_file(
    reading: Reading,
    file: FileRecord,
    span: Span,
    *,
    storage: Storage,
    lease: timedelta,
    now: datetime,
) -> PreparedFile:
    """Open the blob, and return it with the work that counts. Raises BlobMissing, FileRemoved."""
    with noticing_removal(file):
        blob = storage.open(file.storage_key, span)
    try:
        parts = [FileSpan(file.id, file.size_bytes, span)]
        work = _counting(reading, parts, fresh=not span.start, lease=lease, now=now)
    except BaseException:
        blob.close()
        raise
    return PreparedFile(blob, work)


def open_archive(
    reading: Reading,
    layout: Layout,
    span: Span,
    *,
    storage: Storage,
    lease: timedelta,
    now: datetime,
) -> Ticket | None:
    """Make sure that the blobs in the span are there, then count the parts that lie in it.

    A bucket is asked for the first of them only: a thousand questions would take a minute.
    """
    parts: list[FileSpan] = []
    for index, part in layout.member_spans(span):
        file = reading.link.files[index]
        if storage.has_files or not parts:
            with noticing_removal(file):
                storage.size(file.storage_key)
        parts.append(FileSpan(file.id, file.size_bytes, part))
    return _count(reading, _counting(reading, parts, fresh=not span.start, lease=lease, now=now))


@contextmanager
def noticing_removal(file: FileRecord) -> Iterator[None]:
    """Raise FileRemoved for a missing blob whose row is gone, too: the sender has removed it."""
    try:
        yield
    except BlobMissing:
        with reading_rows(db.engine) as driver:
            is_there = _IS_THERE.run(driver, file_id=file.id)
        if is_there:
            raise
        raise FileRemoved from None


def served_type(file: FileRecord) -> str:
    """Return the media type that the bytes may be sent with: passive ones only."""
    return types.served_type(file.content_type)


def archive_layout(link: LinkRecord) -> Layout:
    """Return how the zip of the link's files lies, byte by byte."""
    return Layout(
        [Member(file.filename, file.size_bytes, file.crc32, file.created_at) for file in link.files]
    )


def _counting(
    reading: Reading,
    parts: Sequence[FileSpan],
    *,
    fresh: bool,
    lease: timedelta,
    now: datetime,
) -> Work[Ticket] | None:
    if reading.is_owner:
        return None
    return beginning(reading.link, reading.visitor, parts, fresh=fresh, lease=lease, now=now)


def _count(reading: Reading, work: Work[Ticket] | None) -> Ticket | None:
    return None if work is None else commit(work, durable=is_durable(reading.link))
