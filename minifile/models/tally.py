"""Tallies: what happened, added up by quarter of an hour, day and month (UTC)."""

from datetime import date

from sqlalchemy import BigInteger, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from minifile.extensions import Base
from minifile.models.types import Id


class _Place:
    """What is added up, and when: `at` is the first quarter of the step, counted from 1970.

    All zones' hours and days begin on a quarter of an hour, so those of any visitor's zone can be
    added up exactly. The same is added to its day and month, for those who ask of a long time.
    """

    scope: Mapped[str] = mapped_column(String(8), primary_key=True)
    subject_id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    step: Mapped[str] = mapped_column(String(8), primary_key=True)
    at: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)


def _counter() -> Mapped[int]:
    return mapped_column(BigInteger, server_default=text("0"))


class Tally(_Place, Base):
    """The counters of one subject in one step; `services/counts.Counts` says what each is."""

    __tablename__ = "tally"
    __table_args__ = (
        # The links with the most downloads are found in it alone.
        Index("ix_tally_step", "scope", "step", "at", "subject_id", "downloads"),
        {"sqlite_with_rowid": False},
    )

    downloads: Mapped[int] = _counter()
    downloads_completed: Mapped[int] = _counter()
    downloads_handed_over: Mapped[int] = _counter()
    deliveries: Mapped[int] = _counter()
    deliveries_completed: Mapped[int] = _counter()
    deliveries_handed_over: Mapped[int] = _counter()
    deliveries_resumed: Mapped[int] = _counter()
    resumes: Mapped[int] = _counter()
    reached_25: Mapped[int] = _counter()
    reached_50: Mapped[int] = _counter()
    reached_75: Mapped[int] = _counter()
    bytes_sent: Mapped[int] = _counter()
    bytes_arrived: Mapped[int] = _counter()
    clients: Mapped[int] = _counter()
    opened: Mapped[int] = _counter()
    previews: Mapped[int] = _counter()
    bots: Mapped[int] = _counter()
    wrong_passwords: Mapped[int] = _counter()
    refused_expired: Mapped[int] = _counter()
    refused_exhausted: Mapped[int] = _counter()
    refused_revoked: Mapped[int] = _counter()
    links: Mapped[int] = _counter()
    files: Mapped[int] = _counter()
    bytes_received: Mapped[int] = _counter()


class Breakdown(_Place, Base):
    """Downloads and opened pages of one subject and step by what is known of who came.

    `kind` is family, system, country or referrer.
    """

    __tablename__ = "breakdown"
    __table_args__ = ({"sqlite_with_rowid": False},)

    kind: Mapped[str] = mapped_column(String(8), primary_key=True)
    value: Mapped[str] = mapped_column(String(253), primary_key=True)
    downloads: Mapped[int] = _counter()
    opened: Mapped[int] = _counter()


class SeenClient(Base):
    """A client that is among the `clients` of a link or file already, by the hash of one day."""

    __tablename__ = "seen_client"
    __table_args__ = (Index("ix_seen_client_day", "day"), {"sqlite_with_rowid": False})

    scope: Mapped[str] = mapped_column(String(8), primary_key=True)
    subject_id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    visitor: Mapped[str] = mapped_column(String(32), primary_key=True)
    day: Mapped[date]
