"""Refusals: noting that somebody was sent away from a link that has ended."""

from datetime import datetime

from minifile.errors import LinkExhausted, LinkExpired, LinkGone, LinkRevoked
from minifile.extensions import db
from minifile.services.ownership import rights_of
from minifile.services.records import read_link
from minifile.services.statements import reading
from minifile.services.visits import note_visit
from minifile.values import Role, VisitKind, Visitor

_KINDS = (
    (LinkExpired, VisitKind.EXPIRED),
    (LinkExhausted, VisitKind.EXHAUSTED),
    # One that was taken down is a revoked one.
    (LinkRevoked, VisitKind.REVOKED),
)


def note_refusal(code: str, visitor: Visitor, error: LinkGone, *, now: datetime) -> None:
    """Note that the visitor was refused a link for the reason that the error is.

    Not the owner, who was not sent a link. The caller has been refused by `find_open_link` or
    while a download began, so nothing is told here that the visitor does not know.
    """
    kind = next((kind for cause, kind in _KINDS if isinstance(error, cause)), None)
    if kind is None or not visitor.is_recorded:
        return
    with reading(db.engine) as driver:
        link = read_link(driver, code)
    if link is not None and Role.OWNER not in rights_of(visitor, link):
        note_visit(link.id, kind, visitor, now=now)
