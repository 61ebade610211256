"""What slots, deliveries and visits add to the counters: for pages and for tallies."""

from typing import Any

from sqlalchemy import ColumnElement, SQLColumnExpression, and_, case, exists, func, or_

from minifile.models import Delivery, File, Link, Slot
from minifile.services.slots import IS_USED_DELIVERY
from minifile.values import VisitKind

# Of a child link its parent is the subject: a family is one link to who sent it.
FAMILY = func.coalesce(Link.parent_id, Link.id)
# One of which nothing was ever sent was not begun, be it reserved by a zip.
IS_BEGUN = or_(IS_USED_DELIVERY, Delivery.handed_over_at.is_not(None))
_IS_HANDED_OVER = and_(Delivery.completed_at.is_(None), Delivery.handed_over_at.is_not(None))
_IS_SLOT_HANDED_OVER = and_(
    Slot.completed_at.is_(None),
    exists().where(Delivery.slot_id == Slot.id, _IS_HANDED_OVER),
)
_COUNTER_OF = {
    VisitKind.OPENED: "opened",
    VisitKind.PREVIEW: "previews",
    VisitKind.BOT: "bots",
    VisitKind.WRONG_PASSWORD: "wrong_passwords",
    VisitKind.EXPIRED: "refused_expired",
    VisitKind.EXHAUSTED: "refused_exhausted",
    VisitKind.REVOKED: "refused_revoked",
}


def slot_columns() -> dict[str, SQLColumnExpression[Any]]:
    """Return what one slot adds to each counter."""
    return {
        "downloads_completed": _one(Slot.completed_at.is_not(None)),
        "downloads_handed_over": _one(_IS_SLOT_HANDED_OVER),
    }


def delivery_columns() -> dict[str, SQLColumnExpression[Any]]:
    """Return what one delivery, joined with its file, adds to each counter."""
    return {
        "deliveries_completed": _one(Delivery.completed_at.is_not(None)),
        "deliveries_handed_over": _one(_IS_HANDED_OVER),
        "deliveries_resumed": _one(Delivery.resumes > 0),
        "resumes": Delivery.resumes,
        "reached_25": _one(_reached(1)),
        "reached_50": _one(_reached(2)),
        "reached_75": _one(_reached(3)),
        "bytes_sent": Delivery.bytes_sent,
        "bytes_arrived": Delivery.bytes_arrived,
    }


def visit_counters(kind: str, links: int, files: int, size_bytes: int) -> dict[str, int]:
    """Return what one visit, or some of a kind, add to the counters."""
    if kind == VisitKind.MADE:
        return {"links": links, "files": files, "bytes_received": size_bytes}
    return {_COUNTER_OF[VisitKind(kind)]: 1}


def _reached(quarters: int) -> ColumnElement[bool]:
    arrived = and_(File.size_bytes > 0, Delivery.bytes_arrived * 4 >= File.size_bytes * quarters)
    return or_(Delivery.completed_at.is_not(None), arrived)


def _one(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return case((condition, 1), else_=0)
