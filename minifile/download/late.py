"""What could not be settled when its answer was over, for want of a database, is settled later.

A restart of the database takes seconds. Without this, what was delivered meanwhile would stand
there as aborted, and a slot of which nothing was sent would stay taken.
"""

import logging
import threading
import time
from collections import deque
from dataclasses import dataclass, field

from flask import Flask

from minifile import metering
from minifile.errors import ServiceBusy
from minifile.extensions import DATABASE_UNAVAILABLE, first_line
from minifile.services.commits import Outcome, Work, commit_all

log = logging.getLogger("minifile")

_RETRY_SECONDS = 1.0
# What is beyond these stays reserved, as after a crash.
_KEPT_SECONDS = 600.0
_MOST_OWED = 10_000
_BATCH = 20


@dataclass(frozen=True, slots=True)
class OwedSettlement:
    """A settlement that is still owed, until an instant of the monotonic clock."""

    app: Flask
    link_id: int | None
    work: Work[None]
    request_id: str | None = None
    until: float = field(default_factory=lambda: time.monotonic() + _KEPT_SECONDS)


class LateSettlements:
    """Settles what is owed from one thread, which lives only while there is something."""

    def __init__(self) -> None:
        self._owed: deque[OwedSettlement] = deque()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def owe(self, late: OwedSettlement) -> None:
        """Settle this as soon as the database answers again."""
        with self._lock:
            if len(self._owed) == _MOST_OWED:
                log.error("link %s: a delivery stays unsettled: too many are", late.link_id)
                return
            self._owed.append(late)
            metering.change(metering.WAITING, "settlements", by=1)
            if self._thread is None or not self._thread.is_alive():
                # Not alive either in a process that was forked off since.
                self._thread = threading.Thread(target=self._run, name="late", daemon=True)
                self._thread.start()

    def settle(self) -> bool:
        """Settle some of what is owed; say whether the database took it."""
        for _ in range(_BATCH):
            with self._lock:
                if not self._owed:
                    break
                late = self._owed.popleft()
                metering.change(metering.WAITING, "settlements", by=-1)
            with late.app.app_context():
                [outcome] = commit_all([late.work], durable=False)
            if may_be_tried_again(outcome) and time.monotonic() < late.until:
                with self._lock:
                    self._owed.appendleft(late)
                    metering.change(metering.WAITING, "settlements", by=1)
                return False
            if outcome.error is not None:
                log_unsettled(late.link_id, outcome.error, late.request_id)
        return True

    def _run(self) -> None:
        pause = threading.Event()
        while True:
            with self._lock:
                if not self._owed:
                    self._thread = None
                    return
            try:
                is_taken = self.settle()
            except Exception:
                log.exception("settlements that are owed could not be tried; tried again soon")
                is_taken = False
            if not is_taken:
                pause.wait(_RETRY_SECONDS)


def may_be_tried_again(outcome: Outcome[None]) -> bool:
    """Say whether it failed for want of a database, and certainly was not committed."""
    is_away = isinstance(outcome.error, (ServiceBusy, *DATABASE_UNAVAILABLE))
    return is_away and not outcome.is_doubtful


def log_unsettled(link_id: int | None, error: BaseException, request_id: str | None) -> None:
    """Log that settling failed. The reserved bytes stay spent, as after a crash."""
    of = {"request_id": request_id}
    if isinstance(error, DATABASE_UNAVAILABLE):
        line = "link %s: a delivery may not be settled: %s"
        log.error(line, link_id, first_line(error), extra=of)
    else:
        log.error("link %s: a delivery could not be settled", link_id, exc_info=error, extra=of)


late_settlements = LateSettlements()
