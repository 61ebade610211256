"""One answer of bytes: preconditions, range, count, headers, in that order (RFC 9110, 13.2)."""

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from flask import Response, request
from werkzeug.http import http_date

from minifile.download.conditional import (
    RangeNotSatisfiable,
    Verdict,
    evaluate,
    requested_span,
)
from minifile.download.handing_over import hand_over, may_be_handed_over
from minifile.download.response import Source, Transfer, starting_transfer
from minifile.download.sources import open_archive_source, open_file_source
from minifile.models import File, Link
from minifile.services.downloads import (
    Reading,
    archive_layout,
    check_download,
    served_type,
)
from minifile.values import Span
from minifile.web.current import utcnow
from minifile.web.disposition import attachment
from minifile.web.error_pages import say
from minifile.web.headers import BYTES_HEADERS


@dataclass(frozen=True, slots=True)
class Representation:
    """What is served, as HTTP sees it. The same entity tag always means the same bytes."""

    filename: str
    content_type: str
    size_bytes: int
    etag: str
    modified_at: datetime
    sha256: str | None = None


def answer_file(reading: Reading, file: File) -> Response:
    """Answer with one file of a link."""
    what = Representation(
        filename=file.filename,
        content_type=served_type(file),
        size_bytes=file.size_bytes,
        etag=file.sha256,
        modified_at=file.created_at,
        sha256=file.sha256,
    )
    return _answer(
        reading,
        what,
        lambda span: open_file_source(reading, file, span),
        hand_over=lambda span: hand_over(reading, file, span),
    )


def answer_archive(reading: Reading) -> Response:
    """Answer with all files of a link as a zip."""
    layout = archive_layout(reading.link)
    what = Representation(
        filename=f"{reading.link.code}.zip",
        content_type="application/zip",
        size_bytes=layout.size_bytes,
        etag=_archive_etag(reading.link),
        modified_at=reading.link.created_at,
    )
    return _answer(reading, what, lambda span: open_archive_source(reading, layout, span))


def _answer(
    reading: Reading,
    what: Representation,
    open_source: Callable[[Span], Source],
    hand_over: Callable[[Span], Response] | None = None,
) -> Response:
    link = reading.link
    refusal, span = _judge(reading, what)
    if refusal is not None:
        return refusal
    if request.method == "HEAD":
        return _head(link, what)
    wanted = span or Span(0, what.size_bytes)
    if hand_over is not None and may_be_handed_over(reading, span):
        response = _with_headers(hand_over(wanted), link, what)
        if span is None:
            # nginx adds its own to a whole file.
            del response.headers["Accept-Ranges"]
        return response
    response = Response(status=200 if span is None else 206, direct_passthrough=True)
    response.headers["Content-Length"] = str(wanted.size_bytes)
    if span is not None:
        response.headers["Content-Range"] = f"bytes {span.start}-{span.stop - 1}/{what.size_bytes}"
    with starting_transfer():
        # The last thing that can fail: what is counted from here on is settled by the transfer.
        response.response = Transfer(open_source(wanted))
    return _with_headers(response, link, what)


def _judge(reading: Reading, what: Representation) -> tuple[Response | None, Span | None]:
    """Return the answer that needs no bytes, if there is one, and the range asked for."""
    headers, method = request.headers, request.method
    verdict = evaluate(headers, method=method, etag=what.etag, modified_at=what.modified_at)
    if method == "HEAD" or verdict is not Verdict.PROCEED:
        check_download(reading, now=utcnow())
    if verdict is Verdict.NOT_MODIFIED:
        return _with_headers(Response(status=304), reading.link, what), None
    if verdict is Verdict.PRECONDITION_FAILED:
        return say(412, "The file is not the one meant", "The file is not the one meant."), None
    try:
        return None, requested_span(
            headers,
            method=method,
            etag=what.etag,
            modified_at=what.modified_at,
            size_bytes=what.size_bytes,
        )
    except RangeNotSatisfiable as error:
        check_download(reading, now=utcnow())
        refusal = say(416, "The range lies outside the file", str(error))
        refusal.headers["Content-Range"] = f"bytes */{what.size_bytes}"
        return refusal, None


def _head(link: Link, what: Representation) -> Response:
    response = Response()
    response.headers["Content-Length"] = str(what.size_bytes)
    # Werkzeug would otherwise put the length of the empty body there.
    response.automatically_set_content_length = False
    return _with_headers(response, link, what)


def _with_headers(response: Response, link: Link, what: Representation) -> Response:
    left = link.downloads_left
    seconds = (link.expires_at - utcnow()).total_seconds()
    response.headers.update(
        {
            "Content-Type": what.content_type,
            "Content-Disposition": attachment(what.filename),
            "Accept-Ranges": "bytes",
            "ETag": f'"{what.etag}"',
            "Last-Modified": http_date(what.modified_at),
            "X-Remaining-Downloads": "n/a" if left is None else str(left),
            "X-Remaining-Days": str(max(0, math.ceil(seconds / 86_400))),
            **BYTES_HEADERS,
        }
    )
    if what.sha256 is not None:
        response.headers["X-Content-SHA256"] = what.sha256
    return response


def _archive_etag(link: Link) -> str:
    """Return a tag that changes with any byte of the archive: names, times or content."""
    digest = hashlib.sha256()
    for file in link.files:
        digest.update(f"{file.filename}\0{file.created_at}\0{file.sha256}\0".encode())
    return digest.hexdigest()
