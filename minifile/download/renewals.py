"""In-flight marks are kept alive from one thread of the process, for all its transfers.

A response that waits for a slow client can't do it itself: what sends it wakes up only when a
good part of the socket's buffer is free again, which may take minutes.
"""

import logging
import threading
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

from flask import Flask

from minifile.services.deliveries import IN_FLIGHT_FOR, Ticket, renew_deliveries
from minifile.web.current import utcnow

log = logging.getLogger("minifile")

# Three chances before a mark goes stale.
_EVERY_SECONDS = IN_FLIGHT_FOR.total_seconds() / 3


@dataclass(eq=False, slots=True)
class Running:
    """A running transfer, as far as its marks go. `progress` grows while bytes flow."""

    app: Flask
    ticket: Ticket
    progress: Callable[[], int]
    seen: int = -1


class Renewals:
    """Renews the marks of transfers whose bytes still flow; a stalled one goes stale."""

    def __init__(self) -> None:
        self._running: set[Running] = set()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def watch(self, running: Running) -> None:
        """Renew the marks of this transfer from now on. Starts the thread on first use."""
        with self._lock:
            self._running.add(running)
            if self._thread is None or not self._thread.is_alive():
                # Not alive either in a process that was forked off since.
                self._thread = threading.Thread(target=self._run, name="renewals", daemon=True)
                self._thread.start()

    def forget(self, running: Running) -> None:
        with self._lock:
            self._running.discard(running)

    def renew(self) -> None:
        """Renew the marks of all transfers that have moved since the last call."""
        tickets: dict[Flask, list[Ticket]] = defaultdict(list)
        with self._lock:
            for running in self._running:
                before, running.seen = running.seen, running.progress()
                if running.seen != before:
                    tickets[running.app].append(running.ticket)
        for app, moving in tickets.items():
            with app.app_context():
                renew_deliveries(moving, now=utcnow())

    def _run(self) -> None:
        pause = threading.Event()
        while not pause.wait(_EVERY_SECONDS):
            try:
                self.renew()
            except Exception:
                log.exception("in-flight marks could not be renewed; tried again soon")


renewals = Renewals()
