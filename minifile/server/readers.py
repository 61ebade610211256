"""Threads that may wait for a bucket, so that nobody else has to."""

import logging
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Generic, TypeVar

from minifile import metering

log = logging.getLogger("minifile")

Job = TypeVar("Job")

# Each reads a window and sends it; more than these only wait longer for the same bucket.
_MOST_THREADS = 64


class Readers(Generic[Job]):
    """Carries out jobs in a bounded number of threads, which are started as they are needed."""

    def __init__(self, carry_out: Callable[[Job], None]) -> None:
        self._carry_out = carry_out
        self._jobs: SimpleQueue[Job] = SimpleQueue()
        self._lock = threading.Lock()
        self._idle = self._threads = 0

    def give(self, job: Job) -> None:
        """Let the next free thread carry a job out."""
        metering.change(metering.WAITING, "bucket_reads", by=1)
        self._jobs.put(job)
        with self._lock:
            if self._idle:
                self._idle -= 1
            elif self._threads < _MOST_THREADS:
                self._start()

    def _start(self) -> None:
        # They must not keep a process from ending that has been told to.
        thread = threading.Thread(target=self._run, name="reader", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            # No thread can be had now. Those that run take the job in their turn.
            log.exception("a reader could not be started")
            if not self._threads:
                raise
        else:
            self._threads += 1

    def _run(self) -> None:
        while True:
            job = self._jobs.get()
            metering.change(metering.WAITING, "bucket_reads", by=-1)
            try:
                self._carry_out(job)
            except Exception:
                log.exception("a reader goes on with the next answer")
            with self._lock:
                self._idle += 1
