"""A link: what is shared, until when, how often."""

from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, false, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from minifile.extensions import Base
from minifile.models.types import Id, UtcDateTime
from minifile.values import LinkState

if TYPE_CHECKING:
    from minifile.models.file import File


class Link(Base):
    """One short link with its files.

    `state` is `open`, `revoked` (by the sender) or `deleting` (the purge has begun; the bytes
    may be gone). Expired and exhausted are no states: they follow from `expires_at` and from
    `download_count`, and the rules ask them on every read.
    """

    __tablename__ = "link"
    __table_args__ = (
        CheckConstraint("state IN ('open', 'revoked', 'deleting')", name="state"),
        CheckConstraint("max_downloads IS NULL OR max_downloads > 0", name="max_downloads"),
        CheckConstraint("download_count >= 0", name="download_count"),
        Index("ix_link_expires_at", "expires_at"),
        # The purge asks for the few links that are not open.
        Index(
            "ix_link_closed",
            "state",
            sqlite_where=text("state <> 'open'"),
            postgresql_where=text("state <> 'open'"),
        ),
        # Links of nobody are many, and never asked for by their owner.
        Index(
            "ix_link_owner_id",
            "owner_id",
            sqlite_where=text("owner_id IS NOT NULL"),
            postgresql_where=text("owner_id IS NOT NULL"),
        ),
        Index(
            "ix_link_parent_id",
            "parent_id",
            sqlite_where=text("parent_id IS NOT NULL"),
            postgresql_where=text("parent_id IS NOT NULL"),
        ),
        # A late response must not find another row under the id of a deleted one.
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    code: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    max_downloads: Mapped[int | None]
    download_count: Mapped[int] = mapped_column(default=0)
    preview_count: Mapped[int] = mapped_column(server_default="0")
    password_hash: Mapped[str | None] = mapped_column(String(255))
    owner_token_hash: Mapped[str] = mapped_column(String(64))
    note: Mapped[str | None] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(16), default=LinkState.OPEN)
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # Until when a revoke may be undone; none: not at all.
    undo_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # The user who made it; None where nobody was signed in.
    owner_id: Mapped[int | None] = mapped_column(
        Id, ForeignKey("user_account.id", ondelete="SET NULL")
    )
    # Whether only its owner, those with a grant, and its child links open it.
    is_private: Mapped[bool] = mapped_column(server_default=false())
    # The link whose files this one shows, to one recipient of it.
    parent_id: Mapped[int | None] = mapped_column(Id, ForeignKey("link.id", ondelete="CASCADE"))
    recipient: Mapped[str | None] = mapped_column(String(254))
    # Why an admin took it down; it is revoked then, and for good.
    takedown_reason: Mapped[str | None] = mapped_column(String(500))

    files: Mapped[list["File"]] = relationship(
        back_populates="link", order_by="File.position", passive_deletes=True
    )
