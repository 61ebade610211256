"""Who wants to be told of what, and what was written for them, for the tests of services."""

from dataclasses import dataclass
from typing import Any

from conftest import NOW
from sqlalchemy import select

from minifile.extensions import db, write_transaction
from minifile.models import Notification
from minifile.services.choices import Choice, write_choices
from minifile.services.notifications import notify
from minifile.services.statements import driver_of


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


def happen(*names: str) -> list[str]:
    """Let downloads happen; each name begins with the id of its link and a dash."""
    for name in names:
        with write_transaction() as session:
            notify(
                driver_of(session), kind="download", key=name, user_id=1,
                link_id=int(name.partition("-")[0]),
                payload={"files": [name], "outcome": "completed"}, now=NOW,
            )  # fmt: skip
    return list(names)


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
