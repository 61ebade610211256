"""The outbox of this process: a few threads that send what waits, whoever wrote it."""

import logging
import random
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from threading import BoundedSemaphore, Thread

from flask import Flask

from minifile.errors import ServiceBusy
from minifile.extensions import DATABASE_UNAVAILABLE, db, first_line
from minifile.notification_values import SendAnswer, SendOutcome
from minifile.services.dispatching import Claimed, claim_due, settle
from minifile.web.mail_channel import send_by_mail
from minifile.web.webhook_channel import send_by_webhook

log = logging.getLogger("minifile")

# A receiver that hangs holds one; the others go on.
THREADS = 8
_PATIENCE_AT_END = 5.0
MAIL = "mail"
WEBHOOK = "webhook"

Send = Callable[..., SendAnswer]
SENDERS: Mapping[str, Send] = {MAIL: send_by_mail, WEBHOOK: send_by_webhook}


class Dispatcher:
    """Sends what is due, at most THREADS at once; `run` is called every few seconds."""

    def __init__(self, app: Flask, clock: Callable[[], datetime]) -> None:
        self._app, self._clock = app, clock
        self._free = BoundedSemaphore(THREADS)
        self._is_stopped = False

    def run(self) -> int:
        """Claim what is due, as far as there are threads for it, and return how much that was."""
        free = 0
        while not self._is_stopped and free < THREADS and self._free.acquire(blocking=False):
            free += 1
        claimed: Sequence[Claimed] = []
        try:
            claimed = claim_due(free, now=self._clock()) if free else []
        finally:
            # Also when the database is away, or this process would never send again.
            for _ in range(free - len(claimed)):
                self._free.release()
        for each in claimed:
            self._begin(each)
        return len(claimed)

    def stop(self) -> None:
        """Begin nothing more, and wait a moment for what is being sent.

        What is not settled when the process ends is sent by another, once the claim has run out.
        """
        self._is_stopped = True
        deadline = time.monotonic() + _PATIENCE_AT_END
        for _ in range(THREADS):
            self._free.acquire(timeout=max(0, deadline - time.monotonic()))

    def _begin(self, claimed: Claimed) -> None:
        # Ends with the process: what is not settled then is sent by another.
        thread = Thread(target=self._send, args=[claimed], name="dispatch", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            # It waits until its claim ends, as it does where a process was killed.
            log.error("a notification waits for a thread: %s", error)
            self._free.release()

    def _send(self, claimed: Claimed) -> None:
        try:
            with self._app.app_context():
                send(claimed, clock=self._clock)
        except (ServiceBusy, *DATABASE_UNAVAILABLE) as error:
            log.error("a notification could not be settled: %s", first_line(error))
        finally:
            self._free.release()


def send(
    claimed: Claimed, *, clock: Callable[[], datetime], senders: Mapping[str, Send] = SENDERS
) -> SendAnswer:
    """Send one dispatch and settle it. What goes wrong is logged by its kind, and tried again."""
    began = time.monotonic()
    try:
        sender = senders[MAIL if claimed.webhook_id is None else WEBHOOK]
        answer = sender(claimed, now=clock())
    except DATABASE_UNAVAILABLE:
        raise
    except Exception as error:  # noqa: BLE001 (nobody else would say it)
        # Without its text, which may hold an address.
        kind = type(error).__name__
        log.error("notification %d could not be sent: %s", claimed.notification_id, kind)
        answer = SendAnswer(SendOutcome.LATER, type(error).__name__)
    db.session.remove()
    took = timedelta(seconds=time.monotonic() - began)
    settle(claimed, answer, spread=random.random(), took=took, now=clock())  # noqa: S311 (no secret)
    return answer
