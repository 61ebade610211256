"""A partial upload: what has arrived of a resumable one, and what is to become of it."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, Text, false, text
from sqlalchemy.orm import Mapped, mapped_column

from minifile.extensions import Base
from minifile.models.types import Id, UtcDateTime


class PartialUpload(Base):
    """One upload that may come in several requests.

    `state` is `open` (bytes may still come, or are being completed), `complete` (its blob is
    final and its checksums are known), `joined` (its blob belongs to the link `link_id`) or
    `deleting`. `offset` counts the bytes that are safe; `length` is None until the client says
    it. `writer` is a random token of the request that writes; `is_wanted` asks it to let go.
    Of the secrets that lead here, the id in the address and the bundle's, only hashes are kept.
    """

    __tablename__ = "partial_upload"
    __table_args__ = (
        CheckConstraint("state IN ('open', 'complete', 'joined', 'deleting')", name="state"),
        CheckConstraint('"offset" >= 0', name="offset"),
        Index("ix_partial_upload_bundle_hash", "bundle_hash"),
        Index("ix_partial_upload_expires_at", "expires_at"),
        Index("ix_partial_upload_link_id", "link_id"),
        # The purge asks for the few whose deletion was begun.
        Index(
            "ix_partial_upload_deleting",
            "state",
            sqlite_where=text("state = 'deleting'"),
            postgresql_where=text("state = 'deleting'"),
        ),
        # The watchers ask twice a second for the few that are wanted.
        Index(
            "ix_partial_upload_wanted",
            "is_wanted",
            sqlite_where=text("is_wanted"),
            postgresql_where=text("is_wanted"),
        ),
        Index(
            "ix_partial_upload_owner_id",
            "owner_id",
            sqlite_where=text("owner_id IS NOT NULL"),
            postgresql_where=text("owner_id IS NOT NULL"),
        ),
        # A file request asks for what is on its way to it.
        Index(
            "ix_partial_upload_file_request_id",
            "file_request_id",
            sqlite_where=text("file_request_id IS NOT NULL"),
            postgresql_where=text("file_request_id IS NOT NULL"),
        ),
        # A late request must not find another row under the id of a deleted one.
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    upload_hash: Mapped[str] = mapped_column(String(64), unique=True)
    bundle_hash: Mapped[str | None] = mapped_column(String(64))
    bundle_files: Mapped[int | None]
    owner_hash: Mapped[str | None] = mapped_column(String(64))
    """The browser that began it, and will own the link."""
    state: Mapped[str] = mapped_column(String(16))
    length: Mapped[int | None] = mapped_column(BigInteger)
    offset: Mapped[int] = mapped_column(BigInteger)
    concat: Mapped[str | None] = mapped_column(Text)
    """`partial`, or `final;` and the addresses of the parts, as they were sent."""
    parts: Mapped[str | None] = mapped_column(Text)
    """The ids of the rows that a final one is made of, in order, with commas between them."""
    filename: Mapped[str] = mapped_column(String(1024))
    declared_type: Mapped[str | None] = mapped_column(String(255))
    metadata_text: Mapped[str | None] = mapped_column(Text)
    """What the client may have back: all but the password and the bundle."""
    lifetime_seconds: Mapped[int | None] = mapped_column(BigInteger)
    max_downloads: Mapped[int | None]
    password_hash: Mapped[str | None] = mapped_column(String(255))
    note: Mapped[str | None] = mapped_column(Text)
    storage_key: Mapped[str] = mapped_column(String(64), unique=True)
    writer: Mapped[str | None] = mapped_column(String(64))
    is_wanted: Mapped[bool] = mapped_column(default=False)
    content_type: Mapped[str | None] = mapped_column(String(100))
    sha256: Mapped[str | None] = mapped_column(String(64))
    crc32: Mapped[int | None] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    completed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    link_id: Mapped[int | None] = mapped_column(Id, ForeignKey("link.id", ondelete="CASCADE"))
    owner_id: Mapped[int | None] = mapped_column(
        Id, ForeignKey("user_account.id", ondelete="CASCADE")
    )
    """The user who began it, will own the link, and whose quota it counts against."""
    is_private: Mapped[bool] = mapped_column(server_default=false())
    custom_code: Mapped[str | None] = mapped_column(String(64))
    grant_to: Mapped[str | None] = mapped_column(Text)
    """The ids of the users who may open the link, with commas between them."""
    recipients: Mapped[str | None] = mapped_column(Text)
    """The mail addresses that get a child link each, with commas between them."""
    file_request_id: Mapped[int | None] = mapped_column(
        Id, ForeignKey("file_request.id", ondelete="CASCADE")
    )
    """The request that it answers; the quota is that of the request's owner."""
    sender_name: Mapped[str | None] = mapped_column(String(200))
    """Who sends it to a file request, as they say."""
