"""Who is signed in where, all users together, for an admin."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from minifile.extensions import db
from minifile.models import User, UserSession
from minifile.services.user_sessions import SessionTimes

PAGE = 50


@dataclass(frozen=True, slots=True)
class ListedSession:
    """A session that has not ended, with whose it is."""

    id: int
    user_id: int
    name: str
    created_at: datetime
    seen_at: datetime
    user_agent: str


def list_all_sessions(*, times: SessionTimes, page: int = 1, now: datetime) -> list[ListedSession]:
    """Return a page of sessions, the last used first; one more than PAGE if more follow."""
    query = (
        select(
            UserSession.id,
            UserSession.user_id,
            User.name,
            UserSession.created_at,
            UserSession.seen_at,
            UserSession.user_agent,
        )
        .join(User, User.id == UserSession.user_id)
        .where(UserSession.expires_at > now, UserSession.seen_at > now - times.idle)
        .order_by(UserSession.seen_at.desc(), UserSession.id.desc())
        .offset((page - 1) * PAGE)
        .limit(PAGE + 1)
    )
    return [ListedSession(*row) for row in db.session.execute(query)]
