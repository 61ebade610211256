"""What a browser owns and has unlocked."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from minifile.extensions import Base
from minifile.models.types import Id, UtcDateTime


class BrowserAccess(Base):
    """One right of one browser on one link: to manage it, or to open it without its password.

    Kept here rather than in the cookie, so that two uploads at once can't lose an owner token
    and a thousand links fit. `browser_hash` is the SHA-256 of the id in the cookie.
    """

    __tablename__ = "browser_access"
    __table_args__ = (
        UniqueConstraint("browser_hash", "link_id", "role"),
        CheckConstraint("role IN ('owner', 'unlocked')", name="role"),
        Index("ix_browser_access_link_id", "link_id"),
        # A late response must not find another row under the id of a deleted one.
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    browser_hash: Mapped[str] = mapped_column(String(64))
    link_id: Mapped[int] = mapped_column(Id, ForeignKey("link.id", ondelete="CASCADE"))
    role: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
