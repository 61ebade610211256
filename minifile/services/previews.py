"""Previews: a file shown on its landing page, counted apart from downloads."""

from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO

from sqlalchemy import bindparam, update

from minifile.errors import StorageUnavailable
from minifile.models import Link
from minifile.policy import previews
from minifile.policy.previews import PreviewKind
from minifile.services.commits import commit
from minifile.services.downloads import Reading, noticing_removal
from minifile.services.statements import Driver, Statement
from minifile.services.visits import note_within
from minifile.storage import Storage
from minifile.storage.reading import read_up_to
from minifile.values import FileRecord, LinkRecord, Span, VisitKind

_COUNT = Statement(
    update(Link)
    .where(Link.id == bindparam("link_id"))
    .values(preview_count=Link.preview_count + 1)
    .returning(Link.id)
)


@dataclass(frozen=True, slots=True)
class TextPreview:
    """The beginning of a text. `text` is None when the bytes turned out to be no text."""

    text: str | None
    is_whole: bool


def preview_kind(link: LinkRecord, file: FileRecord) -> PreviewKind | None:
    """Return how the file may be shown; None where it may not.

    Links with a download limit show nothing: it would give the bytes away uncounted.
    """
    if link.max_downloads is not None:
        return None
    return previews.preview_kind(file.filename, file.content_type, file.size_bytes)


def open_preview(
    reading: Reading, file: FileRecord, span: Span, *, storage: Storage, now: datetime
) -> BinaryIO:
    """Open the blob for a preview and count it, unless it goes on in the middle.

    Takes no slot. Raises FileRemoved or BlobMissing before anything was counted.
    """
    with noticing_removal(file):
        blob = storage.open(file.storage_key, span)
    try:
        if span.start == 0:
            count_preview(reading, file, now=now)
    except BaseException:
        blob.close()
        raise
    return blob


def read_text(
    reading: Reading, file: FileRecord, *, storage: Storage, now: datetime
) -> TextPreview:
    """Read the beginning of a text for its landing page, and count the preview.

    Raises FileRemoved or BlobMissing before anything was counted.
    """
    with noticing_removal(file), storage.open(file.storage_key) as blob:
        try:
            head = read_up_to(blob, previews.TEXT_BYTES)
        except OSError as error:
            raise StorageUnavailable("The storage broke off. Try again in a moment.") from error
    is_whole = file.size_bytes <= len(head)
    text = previews.decode_text(head, is_whole=is_whole)
    if text is not None:
        count_preview(reading, file, now=now)
    return TextPreview(text, is_whole)


def count_preview(reading: Reading, file: FileRecord, *, now: datetime) -> None:
    """Count a preview of one file of the link; not the owner's. A power cut may undo it."""
    if reading.is_owner:
        return

    def work(driver: Driver) -> None:
        counted, visitor = _COUNT.run(driver, link_id=reading.link.id), reading.visitor
        # A link that was counted stays until the commit, so what is noted has one.
        if counted and visitor.is_recorded:
            note_within(
                *(driver, reading.link.id, VisitKind.PREVIEW, visitor.origin),
                file_id=file.id,
                now=now,
            )

    commit(work, durable=False)
