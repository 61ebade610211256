"""The audit log: who did what to whom, and when. The database refuses to change or delete it."""

from datetime import datetime

from sqlalchemy import Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from minifile.extensions import Base
from minifile.models.types import Id, UtcDateTime


class AuditEntry(Base):
    """One act. It holds ids and no personal data, so that it may stay when an account goes.

    `actor_id` is a user's id; None stands for the shell (`via` is `cli`) or the instance itself.
    """

    __tablename__ = "audit_entry"
    __table_args__ = (
        Index("ix_audit_entry_at", "at"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    actor_id: Mapped[int | None] = mapped_column(Id)
    via: Mapped[str] = mapped_column(String(16))
    """How it was done: `page`, `api`, `cli` or `instance`."""
    action: Mapped[str] = mapped_column(String(64))
    """A verb on a noun, such as `user.disable`."""
    subject_id: Mapped[int | None] = mapped_column(Id)
    detail: Mapped[str | None] = mapped_column(Text)
    """What else there is to say, without names, addresses or codes."""
