"""Bytes on their way out: sent piece by piece, timed, and settled when the response closes."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, BinaryIO

from flask import Response, current_app
from werkzeug.wsgi import ClosingIterator

from minifile.services.deliveries import Ticket, end_delivery, renew_delivery
from minifile.values import Span
from minifile.web.connection import AckedBytes, keep_send_timeout, socket_of
from minifile.web.current import utcnow

log = logging.getLogger("minifile")

CHUNK_BYTES = 256 * 1024
# In-flight marks last a minute.
_RENEW_SECONDS = 20.0
_SEND_TIMEOUT_SECONDS = 60
_STALL_SECONDS = 10.0

Piece = bytes | tuple[BinaryIO, Span]
FilesSent = Callable[[int], Mapping[int, int]]


class Transfer:
    """An answer's bytes. Iterated once by the server, then closed, whatever happened.

    `files_sent` turns the number of bytes of the answer that arrived into bytes of each file.
    A transfer without a ticket (the owner's) is not settled.
    """

    def __init__(
        self,
        pieces: Iterator[Piece],
        ticket: Ticket | None,
        files_sent: FilesSent,
        environ: dict[str, Any],
    ) -> None:
        self._pieces = pieces
        self._ticket = ticket
        self._files_sent = files_sent
        self._connection = socket_of(environ)
        self._acked: AckedBytes | None = None
        self._accepted = 0
        self._renewed_at = time.monotonic()
        self._app = current_app._get_current_object()  # type: ignore[attr-defined]

    def __iter__(self) -> Iterator[bytes]:
        if self._connection is not None:
            keep_send_timeout(self._connection, _SEND_TIMEOUT_SECONDS)
            # Makes the server send the headers, so that what follows can be told from them.
            yield b""
        self._acked = AckedBytes(self._connection)
        for chunk in self._chunks():
            yield chunk
            # The server asks for the next chunk when the kernel has taken this one.
            self._accepted += len(chunk)
            self._renew()

    def close(self) -> None:
        """Settle: count what arrived, give back what did not."""
        close = getattr(self._pieces, "close", None)
        if close is not None:
            close()
        if self._ticket is None:
            return
        ticket, self._ticket = self._ticket, None
        try:
            with self._app.app_context():
                end_delivery(ticket, self._files_sent(self._arrived()), now=utcnow())
        except Exception:
            # The reserved bytes stay spent, as after a crash.
            log.exception("link %s: a delivery could not be settled", ticket.link_id)

    def _chunks(self) -> Iterator[bytes]:
        for piece in self._pieces:
            if isinstance(piece, bytes):
                yield piece
            else:
                yield from read_span(*piece)

    def _arrived(self) -> int:
        """Return how many bytes of the answer reached the client, as far as can be known."""
        if self._acked is None:
            return 0
        if not self._acked.is_known:
            return self._accepted
        return self._acked.wait(stall_seconds=_STALL_SECONDS)

    def _renew(self) -> None:
        if self._ticket is None or time.monotonic() - self._renewed_at < _RENEW_SECONDS:
            return
        self._renewed_at = time.monotonic()
        with self._app.app_context():
            renew_delivery(self._ticket, now=utcnow())


def send(transfer: Transfer, status: int, size_bytes: int) -> Response:
    """Return the response that carries the transfer; its length is known."""
    response = Response(status=status, direct_passthrough=True)
    # Werkzeug closes an iterable only through this, also when it is never iterated.
    response.response = ClosingIterator(transfer, [transfer.close])
    response.headers["Content-Length"] = str(size_bytes)
    return response


def read_span(blob: BinaryIO, span: Span) -> Iterator[bytes]:
    """Yield the bytes of a span, and close the blob.

    Raises OSError when the blob is shorter: the answer then breaks off, rather than end well.
    """
    with blob:
        blob.seek(span.start)
        left = span.size_bytes
        while left:
            chunk = blob.read(min(left, CHUNK_BYTES))
            if not chunk:
                raise OSError("a blob is shorter than its row says")
            left -= len(chunk)
            yield chunk
