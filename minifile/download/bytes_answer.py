"""One answer of bytes: preconditions, range, count, headers, in that order (RFC 9110, 13.2)."""

from collections.abc import Callable

from flask import Response, request

from minifile.download.conditional import (
    RangeNotSatisfiable,
    Verdict,
    evaluate,
    requested_span,
)
from minifile.download.handing_over import hand_over, may_be_handed_over
from minifile.download.representation import (
    Representation,
    archive_representation,
    bytes_headers,
    file_representation,
)
from minifile.download.response import Source, Transfer, current_recipient, starting_transfer
from minifile.download.sources import open_archive_source, open_file_source, open_preview_source
from minifile.services.downloads import Reading, archive_layout, check_download
from minifile.values import FileRecord, Span
from minifile.web.current import utcnow
from minifile.web.error_pages import say


def answer_file(reading: Reading, file: FileRecord) -> Response:
    """Answer with one file of a link."""
    what = file_representation(file)
    return _answer(
        reading,
        what,
        lambda span: open_file_source(reading, file, span),
        hand_over=lambda span: hand_over(reading, file, what, span),
    )


def answer_preview(reading: Reading, file: FileRecord) -> Response:
    """Answer with one file, to be shown by its landing page; never handed over."""
    what = file_representation(file, is_inline=True)
    return _answer(reading, what, lambda span: open_preview_source(reading, file, span))


def answer_archive(reading: Reading) -> Response:
    """Answer with all files of a link as a zip."""
    layout = archive_layout(reading.link)
    what = archive_representation(reading.link, layout)
    return _answer(reading, what, lambda span: open_archive_source(reading, layout, span))


def _answer(
    reading: Reading,
    what: Representation,
    open_source: Callable[[Span], Source],
    hand_over: Callable[[Span | None], Response] | None = None,
) -> Response:
    refusal, span = _judge(reading, what)
    if refusal is not None:
        return refusal
    if request.method == "HEAD":
        return _head(reading, what)
    if hand_over is not None and may_be_handed_over(reading, span):
        return hand_over(span)
    wanted = span or Span(0, what.size_bytes)
    response = Response(status=200 if span is None else 206, direct_passthrough=True)
    response.headers["Content-Length"] = str(wanted.size_bytes)
    if span is not None:
        response.headers["Content-Range"] = f"bytes {span.start}-{span.stop - 1}/{what.size_bytes}"
    with starting_transfer():
        # The last thing that can fail: what is counted from here on is settled by the transfer.
        source = open_source(wanted)
        response.response = Transfer(source, current_recipient())
    left = source.ticket.downloads_left if source.ticket else reading.link.downloads_left
    return _with_headers(response, reading, what, left)


def _judge(reading: Reading, what: Representation) -> tuple[Response | None, Span | None]:
    """Return the answer that needs no bytes, if there is one, and the range asked for."""
    headers, method = request.headers, request.method
    verdict = evaluate(headers, method=method, etag=what.etag, modified_at=what.modified_at)
    if method == "HEAD" or verdict is not Verdict.PROCEED:
        check_download(reading, now=utcnow())
    if verdict is Verdict.NOT_MODIFIED:
        left = reading.link.downloads_left
        return _with_headers(Response(status=304), reading, what, left), None
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


def _head(reading: Reading, what: Representation) -> Response:
    response = Response()
    response.headers["Content-Length"] = str(what.size_bytes)
    # Werkzeug would otherwise put the length of the empty body there.
    response.automatically_set_content_length = False
    return _with_headers(response, reading, what, reading.link.downloads_left)


def _with_headers(
    response: Response, reading: Reading, what: Representation, left: int | None
) -> Response:
    response.headers.update(bytes_headers(reading.link, what, left=left, now=utcnow()))
    return response
