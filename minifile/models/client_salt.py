"""The salt of a day, with which clients are hashed."""

from datetime import date

from sqlalchemy import LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from minifile.extensions import Base


class ClientSalt(Base):
    """Destroyed after the following day; then no stored hash can be tied to an address again."""

    __tablename__ = "client_salt"

    day: Mapped[date] = mapped_column(primary_key=True)
    salt: Mapped[bytes] = mapped_column(LargeBinary(32))
