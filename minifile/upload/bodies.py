"""The body of the request at hand: made for it, and ended well when it is not read."""

from flask import Response, g, request

from minifile.errors import MinifileError
from minifile.web.body import Body
from minifile.web.current import current_settings


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


def _unjudged_body() -> Body | None:
    """Return the body of a request that was refused before it was looked at."""
    try:
        return new_body(0)
    except MinifileError:
        return None
