"""A used code: a custom code that was a link's once and will not be another's."""

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from minifile.extensions import Base
from minifile.models.types import UtcDateTime


class UsedCode(Base):
    """The SHA-256 of a custom code; it outlives the link, so that nobody takes over its address."""

    __tablename__ = "used_code"

    code_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
