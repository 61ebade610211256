"""Sending an answer's bytes: by `sendfile`, without a thread for each slow client.

A response is begun by the thread that made it. As soon as the kernel takes no more, the rest is
passed to one thread of the process that waits for all slow clients at once (epoll) and goes on
where the kernel has room. `sendfile` copies nothing into the program (sendfile(2)).

From a bucket bytes are read a window at a time, and only by threads that may wait for it: the
one that began, then a few readers. A slow client holds one window, and no thread.
"""

import errno
import logging
import os
import socket
from collections.abc import Callable
from enum import Enum
from typing import BinaryIO

from minifile.download.response import Transfer
from minifile.errors import MinifileError

log = logging.getLogger("minifile")

# What one client gets before the next one's turn comes: of a thread that serves all, of a reader.
_AT_ONCE = 2 * 2**20
_READ_AT_ONCE = 16 * 2**20
# What is read from a bucket at once.
_WINDOW_BYTES = 2**20
# A client that takes nothing for so long is given up.
STALL_SECONDS = 60.0


class Progress(Enum):
    """How far a sending is."""

    BLOCKED = "blocked"
    STARVED = "starved"
    DONE = "done"
    BROKEN = "broken"


class Sending:
    """One answer on its way into a non-blocking socket: its head, then the transfer's pieces."""

    def __init__(self, connection: socket.socket, transfer: Transfer, head: bytes = b"") -> None:
        self.connection = connection
        self.transfer = transfer
        self._pieces = transfer.pieces
        self._head = memoryview(head)
        self._data = memoryview(b"")
        self._file = -1
        self._at = self._stop = 0
        self._blob: BinaryIO | None = None
        self._unread = 0
        self._is_started = False
        self.log: Callable[[], None] | None = None

    def advance(self, *, reads: bool) -> Progress:
        """Send what the kernel takes now; an error of the connection is a state, not an error.

        Only a thread that `reads` may wait for a bucket; for others the answer is STARVED when it
        needs bytes of one. Raises OSError when a blob is shorter than its row says or can't be
        read, and BlobMissing: the answer has to break off.
        """
        try:
            return self._advance(self._allowance(reads), reads)
        except BlockingIOError:
            return Progress.BLOCKED
        except OSError as error:
            # Those of a blob have no number, or that of a disk; all others are the network's.
            if error.errno in (None, errno.EIO):
                raise
            return Progress.BROKEN

    def _advance(self, allowance: int, reads: bool) -> Progress:
        self._send_head()
        while allowance > 0:
            if self._data:
                sent = self.connection.send(self._data, socket.MSG_NOSIGNAL)
                self._data = self._data[sent:]
            elif self._at < self._stop:
                sent = self._send_file(min(allowance, self._stop - self._at))
            elif self.transfer.is_remote and not reads:
                return Progress.STARVED
            elif self._next_window() or self._next_piece():
                continue
            else:
                return Progress.DONE
            self.transfer.accepted += sent
            allowance -= sent
        return Progress.BLOCKED

    def _allowance(self, reads: bool) -> int:
        return _READ_AT_ONCE if reads and self.transfer.is_remote else _AT_ONCE

    def _send_head(self) -> None:
        """Send the head, held back by the kernel until bytes follow; then begin to count."""
        while self._head:
            flags = socket.MSG_NOSIGNAL | getattr(socket, "MSG_MORE", 0)
            self._head = self._head[self.connection.send(self._head, flags) :]
        if not self._is_started:
            self._is_started = True
            self.transfer.start()

    def _send_file(self, size_bytes: int) -> int:
        sent = os.sendfile(self.connection.fileno(), self._file, self._at, size_bytes)
        if not sent:
            raise OSError("a blob is shorter than its row says")
        self._at += sent
        return sent

    def _next_window(self) -> bool:
        """Read on in a blob that is no file of this machine."""
        if self._blob is None or not self._unread:
            return False
        found = self._blob.read(min(self._unread, _WINDOW_BYTES))
        if not found:
            raise OSError("a blob is shorter than its row says")
        self._unread -= len(found)
        self._data = memoryview(found)
        return True

    def _next_piece(self) -> bool:
        piece = next(self._pieces, None)
        if piece is None:
            return False
        if isinstance(piece, bytes):
            self._data = memoryview(piece)
        elif self.transfer.is_remote:
            self._blob, span = piece
            self._blob.seek(span.start)
            self._unread = span.size_bytes
        else:
            blob, span = piece
            self._file, self._at, self._stop = blob.fileno(), span.start, span.stop
        return True


def advance(sending: Sending, *, reads: bool = False) -> Progress:
    """As `Sending.advance`; a blob that fails is logged, and breaks the answer off."""
    of = sending.transfer
    try:
        return sending.advance(reads=reads)
    except (OSError, MinifileError) as error:
        log.warning("link %s: an answer broke off: %s", of.link_id, error, extra=_request_of(of))
    except Exception:
        log.exception("link %s: an answer broke off", of.link_id, extra=_request_of(of))
    return Progress.BROKEN


def _request_of(transfer: Transfer) -> dict[str, str | None]:
    return {"request_id": transfer.request_id}
