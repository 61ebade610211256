"""What an instance keeps of its own past: purge runs, samples of usage a day, errors."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from minifile.extensions import Base
from minifile.models.types import Id, UtcDateTime


class PurgeRun(Base):
    """One purge: when it began, how long it took, what it deleted; `via` as in the audit log."""

    __tablename__ = "purge_run"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    took_ms: Mapped[int] = mapped_column(BigInteger)
    via: Mapped[str] = mapped_column(String(16))
    links: Mapped[int]
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    partial_uploads: Mapped[int]
    orphans: Mapped[int]


class UsageSample(Base):
    """How much the instance held on one day (UTC, as 2026-11-25)."""

    __tablename__ = "usage_sample"

    day: Mapped[str] = mapped_column(String(10), primary_key=True)
    links: Mapped[int]
    files: Mapped[int]
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    users: Mapped[int]


class UserSample(Base):
    """How much the links of a user held on a day that the instance has a sample of.

    Whoever has nothing has no row.
    """

    __tablename__ = "user_sample"
    __table_args__ = (Index("ix_user_sample_day", "day"), {"sqlite_with_rowid": False})

    user_id: Mapped[int] = mapped_column(
        Id, ForeignKey("user_account.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    day: Mapped[str] = mapped_column(String(10), primary_key=True)
    links: Mapped[int]
    files: Mapped[int]
    size_bytes: Mapped[int] = mapped_column(BigInteger)


class ErrorEntry(Base):
    """Errors of one kind at one route within one hour; the link is that of the last one."""

    __tablename__ = "error_entry"
    __table_args__ = (
        UniqueConstraint("hour", "route", "kind"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    hour: Mapped[datetime] = mapped_column(UtcDateTime)
    route: Mapped[str] = mapped_column(String(120))
    kind: Mapped[str] = mapped_column(String(64))
    link_id: Mapped[int | None] = mapped_column(Id)
    count: Mapped[int]
    last_at: Mapped[datetime] = mapped_column(UtcDateTime)
