"""A file request: an owner asks others, who need no account, to send files."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from minifile.extensions import Base
from minifile.models.types import Id, UtcDateTime


class FileRequest(Base):
    """One address, `/r/<code>`, at which anybody who knows it may leave files for the owner."""

    __tablename__ = "file_request"
    __table_args__ = (
        Index("ix_file_request_owner_id", "owner_id"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    code: Mapped[str] = mapped_column(String(64), unique=True)
    owner_id: Mapped[int] = mapped_column(Id, ForeignKey("user_account.id", ondelete="CASCADE"))
    title: Mapped[str] = mapped_column(String(200))
    text: Mapped[str | None] = mapped_column(Text)
    allowed_types: Mapped[str | None] = mapped_column(Text)
    """Extensions and media types with commas between, as in ALLOWED_TYPES; None: those there."""
    max_files: Mapped[int | None]
    """Files of all submissions together."""
    max_file_size: Mapped[int | None] = mapped_column(BigInteger)
    max_size: Mapped[int | None] = mapped_column(BigInteger)
    """Bytes of all submissions together."""
    password_hash: Mapped[str | None] = mapped_column(String(255))
    asks_who: Mapped[bool]
    """Whether senders are asked for their name and a message."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When the owner ended it early."""


class Submission(Base):
    """What one sender has left at a file request: a private link of the request's owner.

    `sender_hash` is the SHA-256 of what the sender proves to be the same by, who may add a
    forgotten file until `open_until`.
    """

    __tablename__ = "submission"
    __table_args__ = (
        UniqueConstraint("link_id"),
        Index("ix_submission_file_request_id", "file_request_id"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    link_id: Mapped[int] = mapped_column(Id, ForeignKey("link.id", ondelete="CASCADE"))
    file_request_id: Mapped[int] = mapped_column(
        Id, ForeignKey("file_request.id", ondelete="CASCADE")
    )
    sender_hash: Mapped[str | None] = mapped_column(String(64))
    sender_name: Mapped[str | None] = mapped_column(String(200))
    message: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    open_until: Mapped[datetime] = mapped_column(UtcDateTime)
    seen_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When the owner first saw it."""


class RequestAccess(Base):
    """A browser that has given the password of a file request."""

    __tablename__ = "request_access"
    __table_args__ = (
        UniqueConstraint("file_request_id", "browser_hash"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    browser_hash: Mapped[str] = mapped_column(String(64))
    file_request_id: Mapped[int] = mapped_column(
        Id, ForeignKey("file_request.id", ondelete="CASCADE")
    )
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
