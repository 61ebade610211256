"""A slot: one of a link's downloads, held by one client."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, false, text
from sqlalchemy.orm import Mapped, mapped_column

from minifile.extensions import Base
from minifile.models.types import Id, UtcDateTime


class Slot(Base):
    """What the counter counts: within its slot a client may take every file of the link once.

    `client` is a keyed hash, cleared when the slot ends, and empty where clients can't be told
    apart; `requests` bounds how often a client may come back; `completed_at` says that every file
    of the link has been delivered in it. A slot ends in the transaction that adds it to the
    tallies: what has no `ended_at` is not in them yet.
    """

    __tablename__ = "slot"
    __table_args__ = (
        # One for finished and unfinished ones: each download writes to every index.
        Index("ix_slot_link_id_client", "link_id", "client", "completed_at"),
        Index(
            "ix_slot_open",
            "ends_at",
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
        # A late response must not find another row under the id of a deleted one.
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    link_id: Mapped[int] = mapped_column(Id, ForeignKey("link.id", ondelete="CASCADE"))
    client: Mapped[str | None] = mapped_column(String(64))
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ends_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    completed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    requests: Mapped[int] = mapped_column(default=0)
    # Something was had in it of a file that is removed by now, and its delivery with it.
    is_used: Mapped[bool] = mapped_column(server_default=false())
    # Who fetched, of a private link.
    user_id: Mapped[int | None] = mapped_column(
        Id, ForeignKey("user_account.id", ondelete="SET NULL")
    )
    # What analytics knows of who fetched; `visitor` is another keyed hash, gone with `client`.
    visitor: Mapped[str | None] = mapped_column(String(32))
    family: Mapped[str | None] = mapped_column(String(40))
    system: Mapped[str | None] = mapped_column(String(40))
    country: Mapped[str | None] = mapped_column(String(2))
    referrer: Mapped[str | None] = mapped_column(String(253))
    # Only where the admin has decided that addresses are kept.
    address: Mapped[str | None] = mapped_column(String(45))
