"""Who wants to be told of what, and what was written for them, for the tests of services."""

from dataclasses import dataclass
from typing import Any

from conftest import NOW
from sqlalchemy import select

from minifile.extensions import db
from minifile.models import Notification
from minifile.services.choices import Choice, write_choices


@dataclass(frozen=True)
class Written:
    """A notification, as its row says it."""

    kind: str
    user_id: int
    link_id: int | None
    payload: dict[str, Any]


def ask_to_hear(
    user_id: int, *kinds: str, link_id: int | None = None, webhook_id: int | None = None
) -> None:
    """Let a user choose to be told of these kinds, by mail or by a webhook."""
    wanted = {Choice(kind, webhook_id) for kind in kinds}
    write_choices(user_id, wanted, wanted, link_id=link_id, now=NOW)


def written(*kinds: str) -> list[Written]:
    """Return the notifications of these kinds, or all, in order."""
    db.session.expire_all()
    rows = db.session.scalars(select(Notification).order_by(Notification.id)).all()
    db.session.remove()
    return [
        Written(row.kind, row.user_id, row.link_id, row.payload)
        for row in rows
        if not kinds or row.kind in kinds
    ]
