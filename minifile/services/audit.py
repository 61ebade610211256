"""The audit log: one line for each act on accounts and by admins, within the act's transaction.

The database itself refuses to change or delete a line (migration 0010). A line holds ids only:
names are looked up when it is shown, so that nothing personal is left when an account is deleted.
"""

from datetime import datetime

from sqlalchemy.orm import Session

from minifile.identity import Actor
from minifile.models import AuditEntry


def record(
    session: Session,
    actor: Actor,
    action: str,
    subject_id: int | None = None,
    detail: str | None = None,
    *,
    now: datetime,
) -> None:
    """Write down that `actor` did `action` (`user.disable`) to the row with this id.

    `detail` says what else there is, without names, addresses, codes or secrets.
    """
    session.add(
        AuditEntry(
            at=now,
            actor_id=actor.user_id,
            via=actor.via,
            action=action,
            subject_id=subject_id,
            detail=detail,
        )
    )
