"""The connection below a request: how much of an answer arrived, and ending it well.

gunicorn and Werkzeug's server hand out their socket; under any other server these functions
know nothing and say so by returning None.
"""

import contextlib
import socket
import struct
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

# struct tcp_info of Linux 4.19 and later (linux/tcp.h): the state, and counters by their offset.
# The kernel fills it in at one moment, so what it says fits together.
_TCP_CLOSED = 7
_TCP_INFO_SIZE = 216
_UNACKED_SEGMENTS = struct.Struct("=24xI")
_ACKED_BYTES = struct.Struct("=120xQ")
_UNSENT_BYTES = struct.Struct("=144xI")
_SENT_AND_RESENT_BYTES = struct.Struct("=200xQQ")

# How much of a refused body is thrown away so that the client reads the answer.
DISCARD_BYTES = 2**20
DISCARD_SECONDS = 2.0


def socket_of(environ: dict[str, Any]) -> socket.socket | None:
    """Return the client's socket, or None where the server does not hand it out."""
    found = environ.get("gunicorn.socket") or environ.get("werkzeug.socket")
    return found if isinstance(found, socket.socket) else None


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


@dataclass(frozen=True, slots=True)
class _Look:
    """What the kernel knows of a connection, in bytes of the stream since it began."""

    queued: int
    """Accepted from us: acknowledged, on the wire, or still in the socket's buffer."""
    on_wire: int
    """Put on the wire at least once."""
    acknowledged: int
    is_all_acknowledged: bool
    is_dead: bool


class OutgoingBytes:
    """How much of an answer went out, and how much of it arrived (Linux, TCP).

    Made when nothing but the headers has been sent; counts what comes after them. What the
    kernel accepted is no measure: an answer of 100 KiB fits into a socket's buffer whole, and
    never leaves it when the client goes away.
    """

    def __init__(self, connection: socket.socket | None) -> None:
        self._connection = connection
        look = self._look()
        self._start = look.queued if look else 0
        # Headers always went out before: a kernel that has counted nothing does not count.
        self.is_known = self._start > 0
        self._last_arrived = -1
        self._moved_at = 0.0

    def arrived(self) -> int:
        """Return how much the client's machine has acknowledged by now."""
        look = self._look()
        return self._since_start(look.acknowledged) if look else 0

    def finish(self, *, stall_seconds: float) -> tuple[int, int]:
        """Wait until `poll` knows how much was sent, and how much arrived."""
        pause = 0.0002
        while (known := self.poll(stall_seconds=stall_seconds)) is None:
            time.sleep(pause)
            pause = min(pause * 2, 0.05)
        return known

    def poll(self, *, stall_seconds: float) -> tuple[int, int] | None:
        """Return how much was sent and how much arrived, or None while that may still change.

        It is known once all is acknowledged, or the connection is dead: what was still buffered
        was never sent then. When nothing moves for `stall_seconds` from one call to the next it
        counts as sent, because the client may yet take it.
        """
        look = self._look()
        if look is None:
            return 0, 0
        if look.is_dead:
            return self._since_start(look.on_wire), self._since_start(look.acknowledged)
        if look.acknowledged != self._last_arrived:
            self._last_arrived, self._moved_at = look.acknowledged, time.monotonic()
        is_stalled = time.monotonic() - self._moved_at > stall_seconds
        if look.is_all_acknowledged or is_stalled:
            return self._since_start(look.queued), self._since_start(look.acknowledged)
        return None

    def _since_start(self, position: int) -> int:
        return max(0, position - self._start)

    def _look(self) -> _Look | None:
        if self._connection is None or not sys.platform.startswith("linux"):
            return None
        try:
            info = self._connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_SIZE)
        except OSError:
            return None
        return _read_info(info) if len(info) == _TCP_INFO_SIZE else None


def _read_info(info: bytes) -> _Look:
    sent, resent = _SENT_AND_RESENT_BYTES.unpack_from(info)
    (unsent,), (unacknowledged,) = (
        _UNSENT_BYTES.unpack_from(info),
        _UNACKED_SEGMENTS.unpack_from(info),
    )
    on_wire = sent - resent
    return _Look(
        queued=on_wire + unsent,
        on_wire=on_wire,
        acknowledged=_ACKED_BYTES.unpack_from(info)[0],
        is_all_acknowledged=not unacknowledged and not unsent,
        is_dead=info[0] == _TCP_CLOSED,
    )
