"""A report: a visitor tells the admin about a link; and what is refused because of one."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from minifile.extensions import Base
from minifile.models.types import Id, UtcDateTime


class Report(Base):
    """What one visitor says of one link, until an admin has handled it."""

    __tablename__ = "report"
    __table_args__ = (
        CheckConstraint(
            "outcome IS NULL OR outcome IN ('dismissed', 'taken_down')", name="outcome"
        ),
        Index("ix_report_handled_at", "handled_at"),
        Index("ix_report_link_id", "link_id"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    link_id: Mapped[int] = mapped_column(Id, ForeignKey("link.id", ondelete="CASCADE"))
    reason: Mapped[str] = mapped_column(String(32))
    message: Mapped[str | None] = mapped_column(Text)
    contact: Mapped[str | None] = mapped_column(String(254))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    handled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    outcome: Mapped[str | None] = mapped_column(String(16))


class BlockedDigest(Base):
    """The SHA-256 of a file that is not accepted any more."""

    __tablename__ = "blocked_digest"

    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    reason: Mapped[str | None] = mapped_column(String(500))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
