"""The pump: one thread that goes on with every answer that the kernel did not take at once."""

import logging
import math
import os
import select
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from flask import Flask

from minifile.download.response import settle_and_commit
from minifile.server.readers import Readers
from minifile.server.sending import STALL_SECONDS, Progress, Sending, advance

log = logging.getLogger("minifile")

# How long is waited for the last acknowledgements before they are looked at again.
_LOOK_SECONDS = 0.002
_PAUSE_SECONDS = 1.0


@dataclass(eq=False, slots=True)
class _Job:
    """A sending in the hands of the pump; `when_over` is told whether all was sent."""

    sending: Sending
    when_over: Callable[[bool], None]
    moved_at: float
    seen: int = -1
    is_ending: bool = False
    is_whole: bool = False
    look_at: float = 0.0


class Pump:
    """One thread that goes on with all answers that the kernel could not take at once."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._arriving: deque[_Job] = deque()
        self._jobs: dict[int, _Job] = {}
        self._ending: set[_Job] = set()
        self._next_stall_check = 0.0
        self._epoll = select.epoll()
        self._readers = Readers(self._read_on)
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)
        self._epoll.register(self._wake_read, select.EPOLLIN)
        threading.Thread(target=self._run, name="pump", daemon=True).start()

    def take(self, sending: Sending, when_over: Callable[[bool], None]) -> None:
        """Go on with a sending that is blocked; `when_over` is called once it has been settled."""
        self._receive(_Job(sending, when_over, time.monotonic()))

    def settle(
        self, sending: Sending, *, is_whole: bool, when_over: Callable[[bool], None]
    ) -> None:
        """Settle what has been sent, once it is known how much arrived."""
        now = time.monotonic()
        self._receive(_Job(sending, when_over, now, is_ending=True, is_whole=is_whole))

    def _receive(self, job: _Job) -> None:
        self._arriving.append(job)
        try:
            os.write(self._wake_write, b"\0")
        except BlockingIOError:
            # The pipe is full of wake-up calls already.
            return

    def _run(self) -> None:
        with self._app.app_context():
            while True:
                try:
                    self._round()
                except Exception:
                    log.exception("the pump goes on with the next round")

    def _round(self) -> None:
        next_look = min((job.look_at for job in self._ending), default=math.inf)
        pause = min(_PAUSE_SECONDS, max(0.0, next_look - time.monotonic()))
        for descriptor, _ in self._epoll.poll(pause):
            if descriptor == self._wake_read:
                self._accept()
            else:
                self._go_on(self._jobs[descriptor])
        self._give_up_stalled(time.monotonic())
        self._settle(time.monotonic())

    def _accept(self) -> None:
        os.read(self._wake_read, 4096)
        while self._arriving:
            job = self._arriving.popleft()
            if not job.is_ending:
                try:
                    self._watch(job)
                    continue
                except (OSError, ValueError):
                    log.exception("an answer could not be gone on with")
            self._ending.add(job)

    def _watch(self, job: _Job) -> None:
        descriptor = job.sending.connection.fileno()
        self._epoll.register(descriptor, select.EPOLLOUT)
        self._jobs[descriptor] = job

    def _go_on(self, job: _Job) -> None:
        progress = advance(job.sending)
        if progress is Progress.STARVED:
            self._unwatch(job)
            self._readers.give(job)
        elif progress is not Progress.BLOCKED:
            self._end(job, is_whole=progress is Progress.DONE)

    def _read_on(self, job: _Job) -> None:
        """Go on with an answer that needs bytes of a bucket, in a reader's thread."""
        progress = advance(job.sending, reads=True)
        job.moved_at = time.monotonic()
        job.is_ending = progress is not Progress.BLOCKED
        job.is_whole = progress is Progress.DONE
        self._receive(job)

    def _end(self, job: _Job, *, is_whole: bool) -> None:
        self._unwatch(job)
        job.is_whole = is_whole
        self._ending.add(job)

    def _unwatch(self, job: _Job) -> None:
        descriptor = job.sending.connection.fileno()
        self._epoll.unregister(descriptor)
        del self._jobs[descriptor]

    def _give_up_stalled(self, now: float) -> None:
        """End what has not moved for long. What the kernel holds moves too, by and by."""
        if now < self._next_stall_check:
            return
        self._next_stall_check = now + _PAUSE_SECONDS
        for job in list(self._jobs.values()):
            arrived = job.sending.transfer.progress()
            if arrived != job.seen:
                job.seen, job.moved_at = arrived, now
            elif job.moved_at < now - STALL_SECONDS:
                self._end(job, is_whole=False)

    def _settle(self, now: float) -> None:
        known = [job for job in self._ending if job.look_at <= now and _is_known(job, now)]
        if not known:
            return
        self._ending.difference_update(known)
        try:
            settle_and_commit([job.sending.transfer for job in known], [])
        finally:
            for job in known:
                job.when_over(job.is_whole)


def _is_known(job: _Job, now: float) -> bool:
    """Say whether the transfer can be settled; if not, look again later and later."""
    if job.sending.transfer.is_settled():
        return True
    job.look_at = now + min(0.05, _LOOK_SECONDS + (now - job.moved_at) / 4)
    return False
