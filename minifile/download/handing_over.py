"""Handing the bytes of a file over to somebody who sends them instead of us (docs/deploy.md).

To the nginx in front, by X-Accel-Redirect, or to the bucket, by a redirect to a signed address.
Only where they answer exactly as we would: their own ranges, no preconditions, and no limit on
downloads, which would need to know what arrived.
"""

import re

from flask import Response, request

from minifile import metering
from minifile.download.representation import Representation, bytes_headers, redirect_headers
from minifile.services.downloads import Reading
from minifile.services.handovers import hand_over_file, signed_address
from minifile.storage.local import relative_path
from minifile.values import FileRecord, Span
from minifile.web.current import current_settings, current_storage, utcnow
from minifile.web.disposition import attachment

# The internal location of nginx in which the blobs lie.
_LOCATION = "/-/blobs/"
_PRECONDITIONS = {
    *("If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "If-Range")
}
# Clients repeat such headers wherever they are sent. A bucket is not to learn them, and refuses
# a request that brings credentials besides those in its address.
_SECRETS = {"Authorization", "X-Link-Password"}
# What nginx, buckets and we read alike.
_PLAIN_RANGE = re.compile(r"bytes=(?:[0-9]{1,18}-[0-9]{0,18}|-[0-9]{1,18})")
# For who does not follow.
_FOLLOW = "The file is at the address in Location. curl goes there with -L.\n"


def may_be_handed_over(reading: Reading, span: Span | None) -> bool:
    """Say whether somebody else is there and would answer as we would; `span` is the range."""
    headers, mode = request.headers, current_settings().download_mode
    if mode == "stream" or reading.link.max_downloads is not None:
        return False
    # nginx says so with each request. Who asks us directly gets the bytes from us.
    if mode == "x-accel" and headers.get("X-Sendfile-Type") != "X-Accel-Redirect":
        return False
    kept_here = _PRECONDITIONS | _SECRETS if mode == "redirect" else _PRECONDITIONS
    if any(name in headers for name in kept_here):
        return False
    asked = headers.get("Range")
    return asked is None if span is None else _PLAIN_RANGE.fullmatch(asked or "") is not None


def hand_over(
    reading: Reading, file: FileRecord, what: Representation, span: Span | None
) -> Response:
    """Count the request, and answer with where the bytes are; who sends them cuts the range.

    Raises what `services.handovers.hand_over_file` raises.
    """
    if current_settings().download_mode == "redirect":
        return _redirect(reading, file, what, span)
    _count(reading, file, span)
    response = Response(headers={"X-Accel-Redirect": _LOCATION + relative_path(file.storage_key)})
    left = reading.link.downloads_left
    response.headers.update(bytes_headers(reading.link, what, left=left, now=utcnow()))
    if span is None:
        # nginx adds its own to a whole file.
        del response.headers["Accept-Ranges"]
    return response


def _redirect(
    reading: Reading, file: FileRecord, what: Representation, span: Span | None
) -> Response:
    """Answer with an address at the bucket: a secret for a few minutes, so nobody may keep it.

    302 is the one redirect that every client follows.
    """
    address = signed_address(
        file,
        storage=current_storage(),
        disposition=attachment(what.filename),
        content_type=what.content_type,
    )
    _count(reading, file, span)
    response = Response(_FOLLOW, status=302, mimetype="text/plain")
    response.headers["Location"] = address
    response.headers.update(redirect_headers(reading.link, what, now=utcnow()))
    return response


def _count(reading: Reading, file: FileRecord, span: Span | None) -> None:
    wanted = span or Span(0, file.size_bytes)
    lease = current_settings().delivery_lease
    hand_over_file(reading, file, wanted, storage=current_storage(), lease=lease, now=utcnow())
    metering.count(metering.DOWNLOADS, "handed_over")
