"""What accounts leave behind that nobody can use any more: ended sessions, invitations, resets."""

from datetime import datetime, timedelta

from sqlalchemy import delete, or_

from minifile.extensions import write_transaction
from minifile.models import Invitation, PasswordReset
from minifile.services.user_sessions import SessionTimes, purge_sessions

# So long who comes late is still told that an invitation was used or has expired.
KEPT_FOR = timedelta(days=30)


def delete_stale_rows(*, times: SessionTimes, now: datetime) -> None:
    """Delete ended sessions and resets, and invitations that have long been over."""
    purge_sessions(times=times, now=now)
    with write_transaction(durable=False) as session:
        session.execute(delete(PasswordReset).where(PasswordReset.expires_at <= now))
        is_over = or_(Invitation.expires_at <= now - KEPT_FOR, Invitation.used_at <= now - KEPT_FOR)
        session.execute(delete(Invitation).where(is_over))
