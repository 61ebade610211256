"""Errors for the admin page: noted beside the answer, which waits for nothing of it."""

from threading import BoundedSemaphore

from flask import g, request

from minifile import metering
from minifile.services import history
from minifile.web.background import run_later
from minifile.web.current import utcnow

# So many may wait to be written; what comes on top of them stands in the log alone.
_waiting = BoundedSemaphore(100)


def note_error(kind: str) -> None:
    """Count an error of this request: its route, its kind and the id of its link; nothing more."""
    metering.count(metering.ERRORS, kind)
    if not _waiting.acquire(blocking=False):
        return
    route, link_id, now = str(request.url_rule or "-"), g.get("link_id"), utcnow()

    def write() -> None:
        try:
            history.note_error(f"{method} {route}", kind, link_id, now=now)
        finally:
            _waiting.release()

    method = request.method if request.method.isalpha() else "-"
    run_later(write)
