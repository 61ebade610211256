"""A removed blob: its file is gone, and somebody was being sent it."""

from datetime import datetime

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from minifile.extensions import Base
from minifile.models.types import UtcDateTime


class RemovedBlob(Base):
    """The blob of a file that its sender removed, kept until `delete_at` for who has begun."""

    __tablename__ = "removed_blob"
    __table_args__ = (Index("ix_removed_blob_delete_at", "delete_at"),)

    storage_key: Mapped[str] = mapped_column(String(64), primary_key=True)
    delete_at: Mapped[datetime] = mapped_column(UtcDateTime)
