"""Handing the bytes of a file over to the nginx in front, by X-Accel-Redirect (docs/deploy.md).

Only where nginx answers exactly as we would: its own ranges, no preconditions, and no limit on
downloads, which would need to know what arrived.
"""

import re

from flask import Response, request

from minifile.services.downloads import Reading
from minifile.services.handovers import hand_over_file
from minifile.storage.local import relative_path
from minifile.values import FileRecord, Span
from minifile.web.current import current_settings, current_storage, utcnow

# The internal location of nginx in which the blobs lie.
_LOCATION = "/-/blobs/"
_PRECONDITIONS = {
    *("If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "If-Range")
}
# What nginx and we read alike.
_PLAIN_RANGE = re.compile(r"bytes=(?:[0-9]{1,18}-[0-9]{0,18}|-[0-9]{1,18})")


def may_be_handed_over(reading: Reading, span: Span | None) -> bool:
    """Say whether nginx is there and would answer as we would; `span` is the range, if any."""
    headers = request.headers
    if current_settings().download_mode != "x-accel" or reading.link.max_downloads is not None:
        return False
    # nginx says so with each request. Who asks us directly gets the bytes from us.
    if headers.get("X-Sendfile-Type") != "X-Accel-Redirect":
        return False
    if any(name in headers for name in _PRECONDITIONS):
        return False
    asked = headers.get("Range")
    return asked is None if span is None else _PLAIN_RANGE.fullmatch(asked or "") is not None


def hand_over(reading: Reading, file: FileRecord, span: Span) -> Response:
    """Count the request, and answer with where nginx finds the bytes; it cuts the range itself.

    Raises what `services.handovers.hand_over_file` raises.
    """
    lease = current_settings().delivery_lease
    hand_over_file(reading, file, span, storage=current_storage(), lease=lease, now=utcnow())
    return Response(headers={"X-Accel-Redirect": _LOCATION + relative_path(file.storage_key)})
