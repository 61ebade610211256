"""A delivery: what one client has had of one file."""

from datetime import datetime

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from minifile.extensions import Base
from minifile.models.types import Id, UtcDateTime


class Delivery(Base):
    """The ranges of a file that were sent within a slot.

    `ranges` is a list of [start, stop] pairs, in order, that do not touch: what arrived.
    `bytes_reserved` counts what was sent and what running responses may still send; it is
    bounded by the budget. `has_start` says that a response from byte 0 was begun. `in_flight`
    counts running responses and is void once `in_flight_until` is past (their process died).
    `handed_over_at` says when somebody else was last told to send bytes of it; whether they
    arrived is then not known, and such bytes are in neither `ranges` nor `bytes_sent`.
    `bytes_arrived` is what the ranges cover; `resumes` counts responses that went on in the middle
    when no other was running.
    """

    __tablename__ = "delivery"
    __table_args__ = (
        UniqueConstraint("slot_id", "file_id"),
        Index("ix_delivery_file_id", "file_id", "id"),
        # A late response must not find another row under the id of a deleted one.
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    slot_id: Mapped[int] = mapped_column(Id, ForeignKey("slot.id", ondelete="CASCADE"))
    file_id: Mapped[int] = mapped_column(Id, ForeignKey("file.id", ondelete="CASCADE"))
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ranges: Mapped[list[list[int]]] = mapped_column(JSON)
    bytes_reserved: Mapped[int] = mapped_column(BigInteger, default=0)
    bytes_sent: Mapped[int] = mapped_column(BigInteger, default=0)
    has_start: Mapped[bool] = mapped_column(default=False)
    in_flight: Mapped[int] = mapped_column(default=0)
    in_flight_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    completed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    handed_over_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    bytes_arrived: Mapped[int] = mapped_column(BigInteger, server_default="0")
    resumes: Mapped[int] = mapped_column(server_default="0")
