"""The body of the request at hand: made for it, its files, and its end when it is not read."""

from collections.abc import Callable, Iterator
from itertools import chain

from flask import Response, g, request

from minifile.errors import MinifileError
from minifile.services.storing import Incoming
from minifile.web.body import Body
from minifile.web.current import current_settings
from minifile.web.multipart import Part

# What boundaries, part headers and fields may add to the files of a form, in bytes.
FORM_OVERHEAD = 16 * 2**20
# What of a form is hardly ever more than the files in it, in bytes.
LIKELY_OVERHEAD = 64 * 1024


def begin_body(max_bytes: int, *, keeps: bool = False) -> Body:
    """Look at the body of the request; not one byte of it is read."""
    body = new_body(max_bytes, keeps=keeps)
    g.body = body
    return body


def new_body(max_bytes: int, *, keeps: bool = False) -> Body:
    settings = current_settings()
    return Body(
        request.environ,
        idle_timeout=settings.body_idle_timeout,
        min_rate=settings.body_min_rate,
        max_bytes=max_bytes,
        keeps=keeps,
    )


def end_unread_body(response: Response) -> Response:
    """Answer before the body is through: then close, so that the client reads the answer."""
    if request.method in ("POST", "PUT", "PATCH"):
        body = g.get("body") or _unjudged_body()
        if body is not None and not body.is_whole:
            response.call_on_close(body.refuse_rest())
    return response


def form_files(parts: Iterator[Part], read_field: Callable[[str, str], None]) -> Iterator[Incoming]:
    """Yield the files of a form, and hand on the fields on the way.

    A file input that was left empty sends a part with an empty filename and no bytes.
    """
    for part in parts:
        if part.filename is None:
            read_field(part.name, part.value())
            continue
        chunks = part.chunks
        if not part.filename:
            first = next(chunks, None)
            if first is None:
                continue
            chunks = chain([first], chunks)
        yield Incoming(part.filename, part.content_type, chunks)


def _unjudged_body() -> Body | None:
    """Return the body of a request that was refused before it was looked at."""
    try:
        return new_body(0)
    except MinifileError:
        return None
