"""gunicorn's threaded worker, with a time for request headers as a whole.

gthread reads headers in a thread and waits for each byte anew, so a client that sends one byte
now and then would hold that thread for as long as it likes.
"""

import socket
import threading
import time
from contextlib import suppress
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

_LOOK_EVERY_SECONDS = 1.0


class Worker(ThreadWorker):
    """Cuts connections whose headers are not complete within HEADER_TIMEOUT."""

    header_seconds: float

    def init_process(self) -> None:
        self._reading: dict[int, tuple[socket.socket, float]] = {}
        self._lock = threading.Lock()
        threading.Thread(target=self._cut_late, name="headers", daemon=True).start()
        super().init_process()  # type: ignore[no-untyped-call]

    def handle(self, conn: Any) -> Any:
        """Serve one request of a connection, in a thread of its own."""
        with self._lock:
            late_at = time.monotonic() + self.header_seconds
            self._reading[threading.get_ident()] = (conn.sock, late_at)
        try:
            return super().handle(conn)  # type: ignore[no-untyped-call]
        finally:
            self.headers_are_complete()

    def headers_are_complete(self) -> None:
        """Note that this thread's request has been read; its body has time-outs of its own."""
        with self._lock:
            self._reading.pop(threading.get_ident(), None)

    def _cut_late(self) -> None:
        pause = threading.Event()
        while not pause.wait(_LOOK_EVERY_SECONDS):
            now = time.monotonic()
            with self._lock:
                late = [each for each in self._reading.values() if each[1] < now]
                for connection, _ in late:
                    # The thread's read then ends, as if the client had closed.
                    with suppress(OSError):
                        connection.shutdown(socket.SHUT_RDWR)
