"""Refusals: noting that somebody was sent away from a link that has ended."""

from datetime import datetime

from minifile.errors import LinkExhausted, LinkExpired, LinkGone, LinkRevoked
from minifile.services.ownership import rights_of
from minifile.services.visits import note_visit
from minifile.values import Role, VisitKind, Visitor

_KINDS = (
    (LinkExpired, VisitKind.EXPIRED),
    (LinkExhausted, VisitKind.EXHAUSTED),
    # One that was taken down is a revoked one.
    (LinkRevoked, VisitKind.REVOKED),
)


def note_refusal(error: LinkGone, visitor: Visitor, link_id: int | None, *, now: datetime) -> None:
    """Note that the visitor was refused a link for the reason that the error is.

    `link_id` is the link that was found, if it was: the error brings the one that was not. The
    owner is not noted, who was sent no link.
    """
    kind = next((kind for cause, kind in _KINDS if isinstance(error, cause)), None)
    if kind is None or not visitor.is_recorded:
        return
    if error.link is not None:
        is_owner = Role.OWNER in rights_of(visitor, error.link)
        link_id = None if is_owner else error.link.id
    if link_id is not None:
        note_visit(link_id, kind, visitor, now=now)
