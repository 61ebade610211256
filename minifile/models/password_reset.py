"""A password reset: a secret address with which a user chooses a new password."""

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from minifile.extensions import Base
from minifile.models.types import Id, UtcDateTime


class PasswordReset(Base):
    """One new password, once, until `expires_at`. Using it deletes the row."""

    __tablename__ = "password_reset"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    user_id: Mapped[int] = mapped_column(
        Id, ForeignKey("user_account.id", ondelete="CASCADE"), index=True
    )
    maker_id: Mapped[int | None] = mapped_column(
        Id, ForeignKey("user_account.id", ondelete="CASCADE")
    )
    """The admin who has handed it out; None when it was mailed or made by a command."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
