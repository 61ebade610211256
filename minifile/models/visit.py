"""A visit: something that happened on a link besides a download."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from minifile.extensions import Base
from minifile.models.types import Id, UtcDateTime


class Visit(Base):
    """One row for each thing that happened, until it is added to the tallies and goes.

    `kind` is a `VisitKind`. `links`, `files` and `size_bytes` say what was uploaded; the rest says
    who came, as far as anything of it is kept.
    """

    __tablename__ = "visit"
    __table_args__ = (Index("ix_visit_link_id", "link_id"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    link_id: Mapped[int] = mapped_column(Id, ForeignKey("link.id", ondelete="CASCADE"))
    file_id: Mapped[int | None] = mapped_column(Id)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    kind: Mapped[str] = mapped_column(String(16))
    family: Mapped[str | None] = mapped_column(String(40))
    system: Mapped[str | None] = mapped_column(String(40))
    country: Mapped[str | None] = mapped_column(String(2))
    referrer: Mapped[str | None] = mapped_column(String(253))
    links: Mapped[int] = mapped_column(server_default="0")
    files: Mapped[int] = mapped_column(server_default="0")
    size_bytes: Mapped[int] = mapped_column(BigInteger, server_default="0")
