"""A session: a browser in which a user is signed in."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from minifile.extensions import Base
from minifile.models.types import Id, UtcDateTime


class UserSession(Base):
    """One sign-in. The cookie holds a random nonce; only its SHA-256 is kept here.

    Signing out deletes the row, so an old cookie is worth nothing.
    """

    __tablename__ = "user_session"
    __table_args__ = (
        Index("ix_user_session_user_id", "user_id"),
        Index("ix_user_session_expires_at", "expires_at"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    session_hash: Mapped[str] = mapped_column(String(64), unique=True)
    user_id: Mapped[int] = mapped_column(Id, ForeignKey("user_account.id", ondelete="CASCADE"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    """When it was last used, to within a few minutes."""
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    """When it ends, however much it is used."""
    user_agent: Mapped[str] = mapped_column(String(255))
