"""A user: somebody who signs in, owns links and has limits of their own."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, String
from sqlalchemy.orm import Mapped, mapped_column

from minifile.extensions import Base
from minifile.models.types import Id, UtcDateTime


class User(Base):
    """One account. `name_key` and `email_key` are what names and addresses are compared by.

    Without a `password_hash` somebody signs in by OpenID Connect only. The limits are None where
    the defaults of the role hold, and -1 where there is none; sizes are in bytes.
    """

    __tablename__ = "user_account"
    __table_args__ = (
        CheckConstraint("role IN ('user', 'admin')", name="role"),
        # An old session or grant must not find another user under the id of a deleted one.
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(String(64))
    name_key: Mapped[str] = mapped_column(String(255), unique=True)
    email: Mapped[str | None] = mapped_column(String(254))
    email_key: Mapped[str | None] = mapped_column(String(254), unique=True)
    password_hash: Mapped[str | None] = mapped_column(String(255))
    role: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    disabled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    signed_in_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When somebody last signed in."""
    max_file_size: Mapped[int | None] = mapped_column(BigInteger)
    quota: Mapped[int | None] = mapped_column(BigInteger)
    """Bytes of all live links together."""
    max_links: Mapped[int | None] = mapped_column(BigInteger)
    max_lifetime_seconds: Mapped[int | None] = mapped_column(BigInteger)
    daily_upload: Mapped[int | None] = mapped_column(BigInteger)
    """Bytes uploaded in a day (UTC)."""
    unfetched_hours: Mapped[int] = mapped_column(server_default="24")
    """How long before a link expires its owner hears that nobody has fetched it."""
    quota_told_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When the user was told that the quota is nearly used; none: since then there was room."""
    digest: Mapped[str] = mapped_column(String(8), server_default="off")
    """Whether mails about notifications come one by one (`off`) or one a day (`daily`)."""
    digest_zone: Mapped[str] = mapped_column(String(64), server_default="UTC")
