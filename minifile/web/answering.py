"""Who answers a file request: looked up, unlocked, and given the owner's right to upload."""

from dataclasses import dataclass

from minifile.codes import token_hash
from minifile.services.answering import as_owner, limits_in
from minifile.services.request_access import check_request_unlocked, find_open_request
from minifile.services.request_rows import RequestRecord
from minifile.values import Limits, Visitor
from minifile.web.current import current_rates, limits_for, uploading_visitor, utcnow


@dataclass(frozen=True, slots=True)
class Answering:
    """A file request, and the visitor who sends to it."""

    request: RequestRecord
    visitor: Visitor
    """Who it is."""
    uploader: Visitor
    """The same as who uploads: with the owner's right, and on the owner's quota."""
    limits: Limits

    @property
    def sender_hash(self) -> str | None:
        """Return the hash of what the browser proves to be the same by."""
        browser = self.visitor.browser
        return None if browser is None else token_hash(browser)


def answering(code: str, password: str | None = None) -> Answering:
    """Return the file request that is uploaded to, and by whom.

    Raises Forbidden for a cross-site request, LinkNotFound, LinkGone,
    LinkLocked and TooManyTries.
    """
    visitor, rates = uploading_visitor(), current_rates()
    request = find_open_request(code, visitor, rates=rates, now=utcnow())
    check_request_unlocked(request, visitor, password, rates=rates, now=utcnow())
    return Answering(request, visitor, as_owner(request, visitor), limits_of_request(request))


def limits_of_request(request: RequestRecord) -> Limits:
    """Return what may be sent to a file request: the owner's limits, narrowed to its own."""
    return limits_in(request, limits_for(request.owner_id))
