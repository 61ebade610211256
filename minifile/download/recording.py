"""What is recorded of those who come to a link, besides what they download.

Only `GET` counts, of people and of tools: not the owner, no prefetch, and link-preview bots apart.
"""

from flask import g, request

from minifile.errors import LinkGone
from minifile.services.downloads import Reading
from minifile.services.refusals import note_refusal
from minifile.services.visits import note_visit
from minifile.values import VisitKind
from minifile.web.current import current_visitor, utcnow
from minifile.web.negotiate import is_preview, is_preview_agent

_REFUSING = {"download.show", "download.file", "download.archive"}


def record_opened(reading: Reading) -> None:
    """Note that the landing page was shown; turning over the files of a link is no new visit."""
    if request.method != "GET" or reading.is_owner or "show" in request.args:
        return
    if is_preview_agent(request.headers.get("User-Agent", "")):
        kind = VisitKind.BOT
    elif is_preview():
        return
    else:
        kind = VisitKind.OPENED
    note_visit(reading.link.id, kind, reading.visitor, now=utcnow())


def record_refusal(error: LinkGone) -> None:
    """Note that somebody asked in vain for a link that has ended."""
    if request.method == "GET" and request.endpoint in _REFUSING and not is_preview():
        note_refusal(error, current_visitor(), g.get("link_id"), now=utcnow())
