"""A reservation: bytes and links of a quota that an upload in progress will need."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, Index
from sqlalchemy.orm import Mapped, mapped_column

from minifile.extensions import Base
from minifile.models.types import Id, UtcDateTime

# The holder of what senders without an account use together.
ANONYMOUS = 0


class Reservation(Base):
    """What one request in progress may still write; its row goes when the link's row comes.

    `holder` is the id of the user whose quota it is, or ANONYMOUS. One that was not renewed until
    `alive_until` belongs to a process that has died.
    """

    __tablename__ = "reservation"
    __table_args__ = (
        CheckConstraint("size_bytes >= 0", name="size_bytes"),
        Index("ix_reservation_holder", "holder"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    holder: Mapped[int] = mapped_column(Id)
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    links: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    alive_until: Mapped[datetime] = mapped_column(UtcDateTime)


class DailyUpload(Base):
    """How many bytes one holder has uploaded on one day (UTC, as 2026-11-25)."""

    __tablename__ = "daily_upload"

    holder: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    day: Mapped[str] = mapped_column(primary_key=True)
    size_bytes: Mapped[int] = mapped_column(BigInteger)
