"""The worker: answers what is plain in the poller, and lets nobody wait for a slow client.

- Plain requests for small files are answered by the poller, all that came at once with one
  commit (`download/fast.py`). Where a limit makes the commit durable, another thread waits for the
  disk meanwhile (`server/limited.py`). Everything else goes to a thread.
- What the kernel does not take of an answer at once goes to the pump (`server/pump.py`).
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from flask import Flask
from gunicorn import SERVER, util

from minifile.download.fast import FastAnswer, FastDownloads
from minifile.download.response import Transfer
from minifile.request_ids import begin_request
from minifile.server.limited import Asked, LimitedDownloads
from minifile.server.logs import fast_line
from minifile.server.parking import Connection, ParkingWorker, keeps_connection
from minifile.server.pump import Pump
from minifile.server.sending import Progress, Sending, advance

log = logging.getLogger("minifile")

# Acknowledgements that are not there after so long are waited for by the pump.
_ACK_SECONDS = 0.002


class Worker(ParkingWorker):
    """Serves many connections with few threads. What stands here is set before a fork."""

    flask_app: Flask

    def init_process(self) -> None:
        """Set up this process, then run gunicorn's loop in it."""
        self._asked: list[Asked] = []
        self._unsettled: dict[Connection, tuple[Sending, float]] = {}
        self._serving = threading.local()
        self._pump = Pump(self.flask_app)
        self._fast = FastDownloads(self.flask_app)
        send = partial(self.method_queue.defer, self._send_counted)
        self._limited = LimitedDownloads(self._fast, send)
        with self._fast.context():
            super().init_process()

    # Threads of the pool.

    def handle(self, connection: Connection) -> Any:
        """Serve one request of a connection, in a thread of its own."""
        self._serving.connection = connection
        # The last request of this thread may have been another's.
        begin_request(None)
        return super().handle(connection)  # type: ignore[no-untyped-call]

    def pass_on(self, sending: Sending) -> None:
        """Let the pump go on with this thread's answer once the thread is through with it."""
        self._serving.connection.blocked = sending

    # The thread of the poller.

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """Wait for what comes and read it, then answer the plain requests among it."""
        super().wait_for_and_dispatch_events(_ACK_SECONDS / 4 if self._unsettled else timeout)
        if self._asked or self._unsettled:
            asked, self._asked = self._asked, []
            try:
                self._answer(asked)
            except Exception:
                log.exception("plain requests could not be answered")
                for each in asked:
                    self.unpark(each.connection)
                    self.end(each.connection)

    def finish_request(self, connection: Connection, future: Any) -> None:
        """Go on with the connection, or with its answer where that is still on its way."""
        sending, connection.blocked = connection.blocked, None
        if sending is None:
            super().finish_request(connection, future)
            return
        over = self._when_over(connection, sending, keeps=keeps_connection(future))
        self._pump.take(sending, over)

    def take_request(self, connection: Connection) -> None:
        """Answer a plain request together with all that came at once; others in a thread."""
        request = None
        if self._fast.is_possible and self.alive:
            head, address = bytes(connection.head), connection.client[0]
            request = self._fast.recognise(head, address, connection.sock)
        if request is None:
            self.give_to_thread(connection)
        else:
            self._asked.append(Asked(connection, request, time.monotonic()))

    def give_to_thread(self, connection: Connection) -> None:
        """As the parent, once the last answer on the connection is settled."""
        if connection not in self._unsettled:
            super().give_to_thread(connection)
        else:
            self.unpark(connection)
            self._wait_for_settlement(connection, self._go_on)

    def close(self, connection: Connection) -> None:
        """As the parent, once it is known what of the last answer arrived."""
        unsettled = self._unsettled.get(connection)
        if unsettled is None or unsettled[0].transfer.is_settled():
            super().close(connection)
        else:
            self.unpark(connection)
            self._wait_for_settlement(connection, self.end)

    def _answer(self, asked: Sequence[Asked]) -> None:
        """Answer plain requests and settle what has arrived meanwhile, with one commit."""
        ended = self._take_settled()
        asked = [each for each in asked if self._is_ready(each.connection)]
        now, later = [], []
        prepared = self._fast.prepare([each.request for each in asked])
        for each, ready in zip(asked, prepared, strict=True):
            if ready is None:
                self.give_to_thread(each.connection)
            elif ready.is_durable:
                self.unpark(each.connection)
                later.append((each, ready))
            else:
                now.append((each, ready))
        answers = self._fast.answer([ready for _, ready in now], ended, durable=False)
        self._send_all([each for each, _ in now], answers)
        if later:
            self._limited.take(later)

    def _send_counted(self, asked: Sequence[Asked], answers: Sequence[FastAnswer | None]) -> None:
        """Go on with connections that had to wait for the disk."""
        for each, answer in zip(asked, answers, strict=True):
            with self.giving_up(each.connection):
                self.park(each.connection, self.cfg.keepalive)
                self._send_all([each], [answer])

    def _send_all(self, asked: Sequence[Asked], answers: Sequence[FastAnswer | None]) -> None:
        date, lines = util.http_date(), []
        for each, answer in zip(asked, answers, strict=True):
            if answer is None:
                self.give_to_thread(each.connection)
                continue
            each.connection.head.clear()
            if self._begin_sending(each, answer, date):
                lines.append(fast_line(each.request, answer, time.monotonic() - each.at))
        self.log.write_accesses(lines)

    def _is_ready(self, connection: Connection) -> bool:
        """Say whether a connection that has asked is still here, and its last answer settled."""
        if connection in self._parked and connection in self._unsettled:
            self.unpark(connection)
            self._wait_for_settlement(connection, self._go_on)
        return connection in self._parked

    def _begin_sending(self, asked: Asked, answer: FastAnswer, date: str) -> bool:
        """Send what the kernel takes; say whether that was all. If not, the pump goes on."""
        connection = asked.connection
        sending = Sending(connection.sock, answer.transfer, head_of(answer, date))
        progress = advance(sending)
        now = time.monotonic()
        if progress is Progress.DONE:
            self._unsettled[connection] = sending, now
            connection.deadline = now + self.cfg.keepalive
            return True
        sending.log = partial(self._log_later, asked, answer)
        answer.transfer.show()
        self.unpark(connection)
        over = self._when_over(connection, sending, keeps=True)
        if progress is Progress.BLOCKED:
            self._pump.take(sending, over)
        else:
            self._pump.settle(sending, is_whole=False, when_over=over)
        return False

    def _log_later(self, asked: Asked, answer: FastAnswer) -> None:
        line = fast_line(asked.request, answer, time.monotonic() - asked.at)
        self.log.write_access(line)

    def _take_settled(self) -> list[Transfer]:
        """Return the sent transfers that can be settled now; the pump waits for the others."""
        late_before = time.monotonic() - _ACK_SECONDS
        settled = []
        for connection, (sending, since) in list(self._unsettled.items()):
            if sending.transfer.is_settled():
                del self._unsettled[connection]
                settled.append(sending.transfer)
            elif since < late_before:
                self.unpark(connection)
                self._wait_for_settlement(connection, self._go_on)
        return settled

    def _wait_for_settlement(
        self, connection: Connection, go_on: Callable[[Connection], None]
    ) -> None:
        """Let the pump settle the last answer of an unparked connection, then go on with it."""
        sending, _ = self._unsettled.pop(connection)

        def over(_is_whole: bool) -> None:
            self.method_queue.defer(go_on, connection)

        self._pump.settle(sending, is_whole=True, when_over=over)

    def _go_on(self, connection: Connection) -> None:
        with self.giving_up(connection):
            self.next_request(connection, keeps=True)

    def _when_over(
        self, connection: Connection, sending: Sending, *, keeps: bool
    ) -> Callable[[bool], None]:
        """Return what the pump calls, from its own thread, once a sending is settled."""

        def go_on(is_whole: bool) -> None:
            with self.giving_up(connection):
                self.next_request(connection, keeps=keeps and is_whole)

        def over(is_whole: bool) -> None:
            if sending.log is not None:
                sending.log()
            self.method_queue.defer(go_on, is_whole)

        return over


def head_of(answer: FastAnswer, date: str) -> bytes:
    """Return the head as gunicorn would send it; `date` is the current HTTP date."""
    lines = [f"{name}: {value}\r\n" for name, value in answer.headers.items()]
    return (
        f"HTTP/1.1 200 OK\r\nServer: {SERVER}\r\nDate: {date}\r\n"
        f"Connection: keep-alive\r\n{''.join(lines)}\r\n"
    ).encode("latin-1")
