"""The connection below a request: how much of an answer arrived, and ending it well.

gunicorn and Werkzeug's server hand out their socket; under any other server these functions
know nothing and say so by returning None.
"""

import contextlib
import fcntl
import socket
import struct
import sys
import termios
import time
from collections.abc import Callable
from typing import Any

_TCP_CLOSED = 7
# struct tcp_info of Linux: tcpi_state is its first byte, tcpi_bytes_acked the u64 at 120.
_ACKED_OFFSET = 120
_TCP_INFO_SIZE = 128

# How much of a refused body is thrown away so that the client reads the answer.
DISCARD_BYTES = 2**20
DISCARD_SECONDS = 2.0


def socket_of(environ: dict[str, Any]) -> socket.socket | None:
    """Return the client's socket, or None where the server does not hand it out."""
    found = environ.get("gunicorn.socket") or environ.get("werkzeug.socket")
    return found if isinstance(found, socket.socket) else None


def keep_send_timeout(connection: socket.socket, seconds: int) -> None:
    """Let a blocked send fail when the client takes nothing for so long."""
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", seconds, 0))


def close_after_answer(environ: dict[str, Any]) -> None:
    """Tell the server not to keep the connection (it then says `Connection: close` itself)."""
    force: Callable[[], None] | None = environ.get("minifile.close_connection")
    if force is not None:
        force()


def discard_body(connection: socket.socket) -> None:
    """Half-close, then read and forget at most 1 MiB or 2 s of what still comes.

    Closing with unread bytes would send a reset, which can take the answer away from a client
    that is still sending.
    """
    deadline = time.monotonic() + DISCARD_SECONDS
    left = DISCARD_BYTES
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_WR)
        while left > 0 and (seconds := deadline - time.monotonic()) > 0:
            connection.settimeout(seconds)
            data = connection.recv(min(left, 65_536))
            if not data:
                break
            left -= len(data)
    with contextlib.suppress(OSError):
        connection.settimeout(None)


class AckedBytes:
    """How many bytes of an answer the client's machine has acknowledged (Linux, TCP).

    Made when nothing but the headers has been sent. The kernel knows what was acknowledged;
    what merely lies in the socket's buffer when a client goes away never reached anybody.
    """

    def __init__(self, connection: socket.socket | None) -> None:
        self._connection = connection
        acked, unacked, _ = self._look() or (0, 0, False)
        self._start = acked + unacked
        # Headers always went out before: a kernel that has counted nothing does not count.
        self.is_known = self._start > 0

    def count(self) -> int:
        """Return the bytes acknowledged so far, without the headers."""
        acked, _, _ = self._look() or (0, 0, False)
        return max(0, acked - self._start)

    def wait(self, *, stall_seconds: float, meanwhile: Callable[[], None]) -> int:
        """Wait until all that was sent is acknowledged; return how much can have arrived.

        Ends early when the connection is dead, and then counts what was acknowledged. When
        nothing moves for `stall_seconds` what is still buffered is counted as well: the client
        may yet take it. Calls `meanwhile` between two looks.
        """
        pause, last, moved_at = 0.0002, -1, time.monotonic()
        while (seen := self._look()) is not None:
            acked, unacked, is_dead = seen
            if not unacked or is_dead:
                break
            if acked != last:
                last, moved_at = acked, time.monotonic()
            elif time.monotonic() - moved_at > stall_seconds:
                return max(0, acked + unacked - self._start)
            meanwhile()
            time.sleep(pause)
            pause = min(pause * 2, 0.05)
        return self.count()

    def _look(self) -> tuple[int, int, bool] | None:
        """Return (acknowledged, sent but not acknowledged, connection is dead), or None."""
        if self._connection is None or not sys.platform.startswith("linux"):
            return None
        try:
            info = self._connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_SIZE)
            unacked = _queued_bytes(self._connection)
        except OSError:
            return None
        if len(info) < _TCP_INFO_SIZE:
            return None
        acked: int = struct.unpack_from("=Q", info, _ACKED_OFFSET)[0]
        return acked, unacked, info[0] == _TCP_CLOSED


def _queued_bytes(connection: socket.socket) -> int:
    """Return SIOCOUTQ: what the socket holds that was not acknowledged (tcp(7))."""
    answer = fcntl.ioctl(connection, termios.TIOCOUTQ, b"\0" * 4)
    queued: int = struct.unpack("=i", answer)[0]
    return queued
