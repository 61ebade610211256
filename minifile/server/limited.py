"""Counting what has a limit: its commit waits for the disk, and the poller must not."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from minifile import metering
from minifile.download.fast import FastAnswer, FastDownloads, FastRequest, Prepared
from minifile.server.parking import Connection


@dataclass(frozen=True, slots=True)
class Asked:
    """A plain request, on which connection it came, and when."""

    connection: Connection
    request: FastRequest
    at: float


class LimitedDownloads:
    """One thread that counts all that has been taken by the time, with one durable commit."""

    def __init__(
        self,
        fast: FastDownloads,
        when_counted: Callable[[Sequence[Asked], Sequence[FastAnswer | None]], None],
    ) -> None:
        """`when_counted` is called from the thread, with None for what has to go the long way."""
        self._fast = fast
        self._when_counted = when_counted
        self._taken: list[tuple[Asked, Prepared]] = []
        self._wake = threading.Condition()
        threading.Thread(target=self._run, name="limited", daemon=True).start()

    def take(self, prepared: Sequence[tuple[Asked, Prepared]]) -> None:
        """Count these as soon as the commit before is through."""
        metering.change(metering.WAITING, "durable_counts", by=len(prepared))
        with self._wake:
            self._taken += prepared
            self._wake.notify()

    def _run(self) -> None:
        with self._fast.context():
            while True:
                with self._wake:
                    self._wake.wait_for(lambda: self._taken)
                    taken, self._taken = self._taken, []
                self._count(taken)

    def _count(self, taken: Sequence[tuple[Asked, Prepared]]) -> None:
        answers = self._fast.answer([ready for _, ready in taken], [], durable=True)
        metering.change(metering.WAITING, "durable_counts", by=-len(taken))
        self._when_counted([asked for asked, _ in taken], answers)
