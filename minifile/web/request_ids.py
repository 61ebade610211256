"""Every request has an id: in the answer's header, in its lines of the log, on error pages.

Not on a 404, though: the bytes of an unknown address are always the same ones.
"""

from flask import Flask, Response, request

from minifile.config import Settings
from minifile.request_ids import (
    begin_request,
    current_request_id,
    new_request_id,
    plain_request_id,
)
from minifile.web.headers import REQUEST_ID


def register(app: Flask, settings: Settings) -> None:
    """Give each request its id, before anything that may refuse it."""
    is_proxied = settings.trusted_proxies > 0

    @app.before_request
    def begin() -> None:
        # What a visitor says is nothing that a log should be searched by.
        said = request.headers.get(REQUEST_ID) if is_proxied else None
        begin_request(plain_request_id(said) or new_request_id())

    @app.after_request
    def name(response: Response) -> Response:
        found = current_request_id()
        if found is not None:
            response.headers[REQUEST_ID] = found
            # For the log, which is written when the answer is over.
            request.environ["minifile.request_id"] = found
        return response


def shown_request_id(status: int) -> str | None:
    """Return what an error page with this status may say of the request."""
    return None if status == 404 else current_request_id()
