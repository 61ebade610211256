"""Where an answer's bytes come from: one blob, or the members of a zip. Counted when opened."""

from collections.abc import Generator
from datetime import timedelta
from typing import BinaryIO

from minifile.download.response import Piece, Source
from minifile.services.archive import Layout
from minifile.services.deliveries import Ticket
from minifile.services.downloads import Reading, open_archive, open_file
from minifile.services.previews import open_preview
from minifile.storage import Storage
from minifile.values import FileRecord, Span
from minifile.web.current import current_settings, current_storage, utcnow


def open_file_source(reading: Reading, file: FileRecord, span: Span) -> Source:
    """Open a span of a file for sending. Raises what `services.downloads.open_file` raises."""
    storage = current_storage()
    opened = open_file(reading, file, span, storage=storage, lease=_lease(), now=utcnow())
    is_remote = not storage.has_files
    return file_source(file.id, opened.blob, span, opened.ticket, is_remote=is_remote)


def open_preview_source(reading: Reading, file: FileRecord, span: Span) -> Source:
    """Open a span of a file for its preview, which takes no slot and has no ticket."""
    storage = current_storage()
    blob = open_preview(reading, file, span, storage=storage, now=utcnow())
    return file_source(file.id, blob, span, None, is_remote=not storage.has_files)


def file_source(
    file_id: int, blob: BinaryIO, span: Span, ticket: Ticket | None, *, is_remote: bool = False
) -> Source:
    """Return a span of one file, open and counted, as what is sent."""
    return Source(
        pieces=iter([(blob, span)]),
        ticket=ticket,
        files_sent=lambda sent: {file_id: sent},
        close=blob.close,
        is_remote=is_remote,
    )


def open_archive_source(reading: Reading, layout: Layout, span: Span) -> Source:
    """Open a span of the zip of a link's files for sending."""
    storage = current_storage()
    ticket = open_archive(reading, layout, span, storage=storage, lease=_lease(), now=utcnow())
    keys = [file.storage_key for file in reading.link.files]
    ids = [file.id for file in reading.link.files]
    pieces = _archive_pieces(layout, span, keys, storage)

    def files_sent(sent: int) -> dict[int, int]:
        arrived = layout.member_spans(Span(span.start, span.start + sent))
        return {ids[index]: part.size_bytes for index, part in arrived}

    return Source(pieces, ticket, files_sent, pieces.close, is_remote=not storage.has_files)


def _archive_pieces(
    layout: Layout, span: Span, keys: list[str], storage: Storage
) -> Generator[Piece, None, None]:
    """Yield the archive's bytes; each blob is opened when its turn comes, not a thousand now."""
    for piece in layout.pieces(span):
        if isinstance(piece, bytes):
            yield piece
        else:
            index, part = piece
            with storage.open(keys[index], part) as blob:
                yield blob, part


def _lease() -> timedelta:
    return current_settings().delivery_lease
