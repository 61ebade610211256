"""gunicorn's threaded worker, with connections that wait without a thread.

Stock gthread gives a thread to each new connection until its request has come, and lets the thread
read the head. Here the poller does both: silent, idle and dripping connections hold no thread,
and a connection that ends lingers in the poller. A thread gets a request whose head is whole.
"""

import logging
import selectors
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

from gunicorn import version_info
from gunicorn.workers.gthread import TConn, ThreadWorker

from minifile.server.balance import Balance
from minifile.server.sending import Sending

log = logging.getLogger("minifile")

_GUNICORN_MAJOR = 27
_RELIED_ON = (
    *("accept", "enqueue_req", "finish_request", "handle", "murder_keepalived"),
    *("set_accept_enabled", "wait_for_and_dispatch_events", "_cap_keepalive"),
)
_END_OF_HEAD = b"\r\n\r\n"
_RECEIVE_BYTES = 32 * 1024
_MAX_HEAD = 64 * 1024
_TOO_LONG = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\n\r\n"
    b"The headers of a request may have at most 64 KiB in all.\n"
)
_LOOK_AWAY_SECONDS = 0.005
_FULL_SECONDS = 0.2
_LOOK_FOR_LATE_SECONDS = 1.0
# A client may still be sending when its connection is closed: it reads our answer first
# (RFC 9112, section 9.6).
_LINGER_SECONDS = 2.0


class Connection(TConn):
    """gunicorn's connection, and what has been read of its next request."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)  # type: ignore[no-untyped-call]
        self.head = bytearray()
        self.deadline = 0.0
        self.is_lingering = False
        self.is_ended = False
        self.blocked: Sending | None = None
        """An answer that a thread could not send at once; the pump goes on with it."""


def keeps_connection(future: Any) -> bool:
    """Say whether a thread that served a request wants the connection kept."""
    failed = future.cancelled() or future.exception() is not None
    return not failed and bool(future.result())


class _Threads(ThreadPoolExecutor):
    """Makes do with the threads it has where the system allows no more."""

    def _adjust_thread_count(self) -> None:
        try:
            super()._adjust_thread_count()
        except RuntimeError:
            if not self._threads:
                raise


class ParkingWorker(ThreadWorker):
    """Parks connections in the poller. Its methods run in the poller's thread, unless said."""

    header_seconds: float
    balance: Balance

    def init_process(self) -> None:
        """Set up this process, then run gunicorn's loop in it."""
        self._parked: dict[Connection, None] = {}
        self._next_look = 0.0
        self._looks_away_until = self._accepts_until = 0.0
        self.balance.write(self.age, 0)
        # gunicorn counts its own parked connections, of which there are none here.
        self.max_keepalived = self.worker_connections
        super().init_process()  # type: ignore[no-untyped-call]

    @classmethod
    def check_config(cls, cfg: Any, log: Any) -> None:
        """Have nothing against more threads than connections."""

    @classmethod
    def fits(cls) -> bool:
        """Say whether this gunicorn's gthread has what is relied on here."""
        return (
            version_info[0] == _GUNICORN_MAJOR
            and all(hasattr(ThreadWorker, name) for name in _RELIED_ON)
            and hasattr(selectors, "EpollSelector")
        )

    def get_thread_pool(self) -> ThreadPoolExecutor:
        """Return the pool; gunicorn asks once."""
        return _Threads(max_workers=self.cfg.threads)

    # What gunicorn's loop calls.

    def accept(self, listener: socket.socket) -> None:
        """Accept one connection, and park it until it says something.

        Another worker that has fewer gets a moment's time to take it first.
        """
        if self._leaves_to_another():
            return
        try:
            client, address = listener.accept()
            connection = Connection(self.cfg, client, address, listener.getsockname())
        except (BlockingIOError, ConnectionAbortedError):
            return
        except OSError as error:
            # Out of files or memory, most likely: those who are here may free some.
            log.warning("a connection could not be accepted: %s", error.strerror)
            self._look_away(_FULL_SECONDS)
            return
        self.nr_conns += 1
        with self.giving_up(connection):
            self.park(connection, self.header_seconds)

    def set_accept_enabled(self, enabled: bool) -> None:
        """Watch the listener or not; gunicorn's loop asks for it in each round."""
        if not enabled or time.monotonic() >= self._looks_away_until:
            super().set_accept_enabled(enabled)  # type: ignore[no-untyped-call]

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """Wait for what comes, and read it."""
        looks_away_for = self._looks_away_until - time.monotonic()
        if self.alive and looks_away_for > 0:
            timeout = min(timeout, looks_away_for)
        super().wait_for_and_dispatch_events(timeout)  # type: ignore[no-untyped-call]

    def murder_keepalived(self, force: bool = False) -> None:
        """Close parked connections that are late, or all of them."""
        now = time.monotonic()
        if now < self._next_look and not force:
            return
        self._next_look = now + _LOOK_FOR_LATE_SECONDS
        self.balance.write(self.age, self.nr_conns)
        for connection in [each for each in self._parked if force or each.deadline < now]:
            self.close(connection)

    def _cap_keepalive(self, deadline: float) -> None:
        for connection in self._parked:
            connection.deadline = min(connection.deadline, deadline)

    def finish_request(self, connection: Connection, future: Any) -> None:
        """Go on with a connection whose request a thread has answered."""
        with self.giving_up(connection):
            self.next_request(connection, keeps=keeps_connection(future))

    # What a worker with more abilities does otherwise.

    def take_request(self, connection: Connection) -> None:
        """Answer a request whose head has come, if not more."""
        self.give_to_thread(connection)

    def close(self, connection: Connection) -> None:
        """Close a parked connection."""
        self.unpark(connection)
        self.end(connection)

    # What it is made of.

    @contextmanager
    def giving_up(self, connection: Connection) -> Iterator[None]:
        """Give a connection up when something unforeseen happens to it, and go on with the rest.

        All others are in the same thread's hands.
        """
        try:
            yield
        except Exception:
            log.exception("a connection was given up")
            self.unpark(connection)
            self.end(connection)

    def next_request(self, connection: Connection, *, keeps: bool) -> None:
        """Wait for the next request of a connection that no thread has, or end it."""
        if connection.sock.fileno() < 0:
            # gunicorn closes it where an answer breaks off.
            self.end(connection)
            return
        if not keeps:
            self._linger(connection)
            return
        if connection.parser is not None:
            # What was read behind the last request is the beginning of the next one.
            connection.head += connection.parser.unreader.take_buffered()
        self.park(connection, self.cfg.keepalive)
        if connection.head:
            self._look_at_head(connection)

    def park(self, connection: Connection, seconds: float) -> None:
        """Wait for bytes of the next request without a thread."""
        assert self.poller is not None
        connection.sock.setblocking(False)
        if not self.alive:
            seconds = min(seconds, _LINGER_SECONDS)
        connection.deadline = time.monotonic() + seconds
        self._parked[connection] = None
        self.poller.register(connection.sock, selectors.EVENT_READ, partial(self._read, connection))

    def unpark(self, connection: Connection) -> None:
        """Take a connection out of the poller."""
        assert self.poller is not None
        if connection in self._parked:
            del self._parked[connection]
            self.poller.unregister(connection.sock)

    def end(self, connection: Connection) -> None:
        """Close a connection that is not parked any more. Once; more often is no error."""
        if not connection.is_ended:
            connection.is_ended = True
            self.nr_conns -= 1
            connection.close()  # type: ignore[no-untyped-call]

    def give_to_thread(self, connection: Connection) -> None:
        """Let a thread serve the request of a parked connection."""
        self.unpark(connection)
        connection.init()  # type: ignore[no-untyped-call]
        assert connection.parser is not None
        connection.parser.unreader.unread(bytes(connection.head))
        connection.head.clear()
        self.enqueue_req(connection)  # type: ignore[no-untyped-call]

    def _leaves_to_another(self) -> bool:
        """Say whether to look away from the listener for a moment; never twice in a row."""
        now = time.monotonic()
        self.balance.write(self.age, self.nr_conns)
        least = self.balance.least_of_others(self.age)
        if least is None or least >= self.nr_conns or now < self._accepts_until:
            return False
        self._accepts_until = now + 2 * _LOOK_AWAY_SECONDS
        self._look_away(_LOOK_AWAY_SECONDS)
        return True

    def _look_away(self, seconds: float) -> None:
        self._looks_away_until = time.monotonic() + seconds
        self.set_accept_enabled(False)

    def _linger(self, connection: Connection) -> None:
        """Close once the client has closed, or after a moment; no thread waits for that."""
        with suppress(OSError):
            connection.sock.shutdown(socket.SHUT_WR)
        connection.is_lingering = True
        self.park(connection, _LINGER_SECONDS)

    def _read(self, connection: Connection, client: socket.socket) -> None:
        with self.giving_up(connection):
            self._read_head(connection, client)

    def _read_head(self, connection: Connection, client: socket.socket) -> None:
        try:
            data = client.recv(_RECEIVE_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.close(connection)
        elif not connection.is_lingering:
            if not connection.head:
                # From its first byte on a head has its own time, however the client drips.
                connection.deadline = time.monotonic() + self.header_seconds
            connection.head += data
            self._look_at_head(connection)

    def _look_at_head(self, connection: Connection) -> None:
        if _END_OF_HEAD in connection.head:
            self.take_request(connection)
        elif len(connection.head) > _MAX_HEAD:
            with suppress(OSError):
                connection.sock.send(_TOO_LONG)
            self.unpark(connection)
            self._linger(connection)
