"""Child links: each leads one recipient to the files of a link, by a code and a counter of its own.

What becomes of the parent becomes of its children in the same transaction, which holds the
parent's row. Child links are not looked after by themselves.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session

from minifile.codes import new_code, new_token, token_hash
from minifile.models import BrowserAccess, Link
from minifile.values import LinkRecord, LinkState, Role


def child_values(
    parent: Link | LinkRecord, address: str, *, code_length: int, now: datetime
) -> dict[str, Any]:
    """Return the row of a new child link: as its parent, but for what is its own."""
    return {
        "code": new_code(code_length),
        "created_at": now,
        "state": LinkState.OPEN.value,
        "undo_until": None,
        "owner_id": parent.owner_id,
        # Its sender's page is that of its parent: nobody ever learns this token.
        "owner_token_hash": token_hash(new_token()),
        # The code is the recipient's right.
        "is_private": False,
        "parent_id": parent.id,
        "recipient": address,
        "takedown_reason": None,
        **_shared(parent),
    }


def lock_children(session: Session, parent_id: int) -> Sequence[int]:
    """Hold the rows of all child links, the parent's being held already; return their ids.

    Who counts a recipient's download holds only these.
    """
    query = select(Link.id).where(Link.parent_id == parent_id).order_by(Link.id)
    return session.scalars(query.with_for_update()).all()


def let_children_follow(session: Session, parent: Link, *, forget_unlocked: bool) -> None:
    """Give the child links the expiry, limit, password and note that their parent has now."""
    _update(session, Link.parent_id == parent.id, **_shared(parent))
    if forget_unlocked:
        family = select(Link.id).where(is_family(parent.id))
        session.execute(
            delete(BrowserAccess)
            .where(BrowserAccess.link_id.in_(family), BrowserAccess.role == Role.UNLOCKED)
            .execution_options(synchronize_session=False)
        )


def close_children(session: Session, parent: Link) -> None:
    """Revoke the child links that are open, as their parent is; an undo may bring them back.

    Those that the sender has revoked one by one are closed already, and for good.
    """
    _update(
        session,
        (Link.parent_id == parent.id) & (Link.state == LinkState.OPEN),
        state=LinkState.REVOKED,
        closed_at=parent.closed_at,
        undo_until=parent.undo_until,
        takedown_reason=parent.takedown_reason,
    )


def close_children_for_good(session: Session, parent_id: int) -> None:
    """Take the undo from those that were closed with their parent."""
    _update(session, _closed_with(parent_id), undo_until=None)


def reopen_children(session: Session, parent_id: int) -> None:
    """Open those again that were closed with their parent."""
    _update(session, _closed_with(parent_id), state=LinkState.OPEN, closed_at=None, undo_until=None)


def is_family(link_id: int) -> Any:
    """Ask for a link and its child links."""
    return or_(Link.id == link_id, Link.parent_id == link_id)


def _shared(parent: Link | LinkRecord) -> dict[str, Any]:
    return {
        "expires_at": parent.expires_at,
        "max_downloads": parent.max_downloads,
        "password_hash": parent.password_hash,
        "note": parent.note,
    }


def _closed_with(parent_id: int) -> Any:
    is_closed = (Link.state == LinkState.REVOKED) & Link.undo_until.is_not(None)
    return (Link.parent_id == parent_id) & is_closed


def _update(session: Session, which: Any, **values: Any) -> None:
    session.execute(
        update(Link).where(which).values(**values).execution_options(synchronize_session=False)
    )
