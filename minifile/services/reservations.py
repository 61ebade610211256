"""Reservations: room for an upload in progress, taken before a byte of it is read.

Each is a row that goes in the very transaction that writes the link's rows, or when the upload
fails. One whose process died is no longer renewed and counts for nothing then.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from sqlalchemy import bindparam, delete, insert, update

from minifile.extensions import write_transaction
from minifile.models import DailyUpload, Reservation
from minifile.services.commits import Work, commit
from minifile.services.quotas import bytes_left, check_use, count_upload, hold, read_use
from minifile.services.statements import Driver, Statement, given
from minifile.values import Limits

# A body that sends nothing for a minute is given up, so one that lives is renewed in time.
ALIVE_FOR = timedelta(minutes=15)
_RENEW_EVERY = 60
# What an upload of unknown length takes at once.
_STEP = 16 * 2**20

_INSERT = Statement(
    insert(Reservation)
    .values(**given("holder", "size_bytes", "links", "created_at", "alive_until"))
    .returning(Reservation.id)
)
_EXTEND = Statement(
    update(Reservation)
    .where(Reservation.id == bindparam("row_id"))
    .values(size_bytes=bindparam("new_size"), alive_until=bindparam("new_alive_until"))
    .returning(Reservation.id)
)
_DELETE = Statement(
    delete(Reservation).where(Reservation.id == bindparam("row_id")).returning(Reservation.id)
)


class Reserved:
    """The room of one upload. Without a quota it takes none, and costs nothing."""

    def __init__(
        self,
        limits: Limits,
        links: int,
        now: Callable[[], datetime],
        asked: tuple[int, int] = (0, 0),
    ) -> None:
        self._limits, self._links, self._now, self._asked = limits, links, now, asked
        self._row_id: int | None = None
        self._size_bytes = 0
        self._renew_at = 0.0
        # Set by who has committed what `settle` was part of.
        self.is_settled = False

    def begin(self) -> None:
        """Take the room, before the first byte of a file is read. Raises QuotaExceeded.

        Not sooner: what a form brings may be no files, but the word that others are complete.
        """
        if self._limits.has_quota and self._row_id is None:
            self._note(self._insert)

    def cover(self, size_bytes: int) -> None:
        """Make sure that so many bytes are reserved, and that it is known to live."""
        if self._row_id is None:
            return
        if size_bytes > self._size_bytes or time.monotonic() >= self._renew_at:
            self._note(lambda driver: self._extend(driver, size_bytes))

    def settle(self, driver: Driver, size_bytes: int | None) -> None:
        """Give the room to a link that so many bytes go into, within the work that writes its rows.

        None: to a partial upload, which is counted for the day when it goes into a link.
        """
        if self._row_id is not None:
            _DELETE.run(driver, row_id=self._row_id)
        if size_bytes is not None:
            count_upload(driver, self._limits, size_bytes, self._now())

    def release(self) -> None:
        """Give the room back, if it was not settled."""
        row_id = self._row_id
        if row_id is not None and not self.is_settled:
            commit(lambda driver: _DELETE.run(driver, row_id=row_id), durable=False)

    def _note(self, work: Work[int]) -> None:
        self._size_bytes = commit(work, durable=False)
        self._renew_at = time.monotonic() + _RENEW_EVERY

    def _insert(self, driver: Driver) -> int:
        now = self._now()
        size_bytes = self._fitting(driver, self._asked, self._links, now)
        self._row_id = _INSERT.run(
            driver,
            holder=self._limits.holder,
            size_bytes=size_bytes,
            links=self._links,
            created_at=now,
            alive_until=now + ALIVE_FOR,
        )[0][0]
        return size_bytes

    def _extend(self, driver: Driver, needed: int) -> int:
        now, missing, more = self._now(), needed - self._size_bytes, 0
        if missing > 0:
            more = self._fitting(driver, (missing, missing + _STEP), 0, now)
        _EXTEND.run(
            driver,
            row_id=self._row_id,
            new_size=self._size_bytes + more,
            new_alive_until=now + ALIVE_FOR,
        )
        return self._size_bytes + more

    def _fitting(self, driver: Driver, asked: tuple[int, int], links: int, now: datetime) -> int:
        """Return as many bytes as fit, at least and at most what is asked for.

        Holds the holder until the work is committed.
        """
        at_least, wanted = asked
        hold(driver, self._limits.holder)
        use = read_use(driver, self._limits.holder, now)
        check_use(use, self._limits, at_least, links)
        left = bytes_left(use, self._limits)
        return wanted if left is None else max(at_least, min(wanted, left))


@contextmanager
def reserving(
    limits: Limits,
    declared_bytes: int | None,
    *,
    overhead_bytes: int = 0,
    links: int = 1,
    now: Callable[[], datetime],
) -> Iterator[Reserved]:
    """Reserve room for an upload from its first file on; what it did not settle is given back.

    `declared_bytes` is None when unknown; up to `overhead_bytes` of it may be no file.
    """
    declared = declared_bytes or 0
    reserved = Reserved(limits, links, now, (max(0, declared - overhead_bytes), declared))
    try:
        yield reserved
    finally:
        reserved.release()


def purge_reservations(now: datetime) -> int:
    """Delete what processes that died had reserved, and old days; return how many of the first."""
    yesterday = (now - timedelta(days=1)).date().isoformat()
    with write_transaction(durable=False) as session:
        dead = delete(Reservation).where(Reservation.alive_until <= now).returning(Reservation.id)
        count = len(session.scalars(dead).all())
        session.execute(delete(DailyUpload).where(DailyUpload.day < yesterday))
    return count
