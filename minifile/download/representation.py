"""What is served, as HTTP sees it, and the headers that say so."""

import hashlib
import math
from dataclasses import dataclass
from datetime import datetime

from werkzeug.http import http_date

from minifile.services.archive import Layout
from minifile.services.downloads import served_type
from minifile.values import FileRecord, LinkRecord
from minifile.web.disposition import attachment, inline
from minifile.web.headers import BYTES_HEADERS


@dataclass(frozen=True, slots=True)
class Representation:
    """The same entity tag always means the same bytes."""

    filename: str
    content_type: str
    size_bytes: int
    etag: str
    modified_at: datetime | None
    """None where no date tells one state of the bytes from another."""
    sha256: str | None = None
    is_inline: bool = False


def file_representation(file: FileRecord, *, is_inline: bool = False) -> Representation:
    """Return how one file is served: to be saved, or to be shown by its landing page."""
    return Representation(
        filename=file.filename,
        content_type=served_type(file),
        size_bytes=file.size_bytes,
        etag=file.sha256,
        modified_at=file.created_at,
        sha256=file.sha256,
        is_inline=is_inline,
    )


def archive_representation(link: LinkRecord, layout: Layout) -> Representation:
    """Return how all files of a link are served as a zip."""
    return Representation(
        filename=f"{link.code}.zip",
        content_type="application/zip",
        size_bytes=layout.size_bytes,
        etag=_archive_etag(link),
        # Files come, go, and are renamed.
        modified_at=None,
    )


def bytes_headers(
    link: LinkRecord, what: Representation, *, left: int | None, now: datetime
) -> dict[str, str]:
    """Return the headers of an answer with these bytes, or about them; `left` downloads remain."""
    headers = {
        "Content-Type": what.content_type,
        "Content-Disposition": (inline if what.is_inline else attachment)(what.filename),
        "Accept-Ranges": "bytes",
        "ETag": f'"{what.etag}"',
        **_facts(link, what, left, now),
        **BYTES_HEADERS,
    }
    if what.modified_at is not None:
        headers["Last-Modified"] = http_date(what.modified_at)
    return headers


def redirect_headers(link: LinkRecord, what: Representation, *, now: datetime) -> dict[str, str]:
    """Return the headers of a redirect to these bytes. Nobody may keep where it leads."""
    return {
        **_facts(link, what, link.downloads_left, now),
        **BYTES_HEADERS,
        "Cache-Control": "no-store",
    }


def _facts(
    link: LinkRecord, what: Representation, left: int | None, now: datetime
) -> dict[str, str]:
    """Return the headers of our own, which every answer to who fetches has."""
    seconds = (link.expires_at - now).total_seconds()
    facts = {
        "X-Remaining-Downloads": "n/a" if left is None else str(left),
        "X-Remaining-Days": str(max(0, math.ceil(seconds / 86_400))),
    }
    if what.sha256 is not None:
        facts["X-Content-SHA256"] = what.sha256
    return facts


def _archive_etag(link: LinkRecord) -> str:
    """Return a tag that changes with any byte of the archive: names, times or content."""
    digest = hashlib.sha256()
    for file in link.files:
        digest.update(f"{file.filename}\0{file.created_at}\0{file.sha256}\0".encode())
    return digest.hexdigest()
