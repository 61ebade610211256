"""A file: what the sender gave, and where its blob is."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from minifile.extensions import Base
from minifile.models.link import Link
from minifile.models.types import Id, UtcDateTime


class File(Base):
    """One file of a link. `filename` holds its folders; `storage_key` is random."""

    __tablename__ = "file"
    __table_args__ = (
        UniqueConstraint("link_id", "filename"),
        CheckConstraint("size_bytes >= 0", name="size_bytes"),
        # A late response must not find another row under the id of a deleted one.
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    link_id: Mapped[int] = mapped_column(Id, ForeignKey("link.id", ondelete="CASCADE"))
    position: Mapped[int]
    filename: Mapped[str] = mapped_column(String(1024))
    content_type: Mapped[str] = mapped_column(String(100))
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64))
    crc32: Mapped[int] = mapped_column(BigInteger)
    storage_key: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)

    link: Mapped[Link] = relationship(back_populates="files")
