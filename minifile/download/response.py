"""Bytes on their way out: sent piece by piece, timed, and settled when the response closes."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

from flask import Response, request

from minifile.services.deliveries import IN_FLIGHT_FOR, Ticket, end_delivery, renew_delivery
from minifile.values import Span
from minifile.web.connection import AckedBytes, keep_send_timeout, socket_of
from minifile.web.current import current_application, current_transfers, utcnow

log = logging.getLogger("minifile")

CHUNK_BYTES = 256 * 1024
_RENEW_SECONDS = IN_FLIGHT_FOR.total_seconds() / 3
_SEND_TIMEOUT_SECONDS = 60
_STALL_SECONDS = 10.0

Piece = bytes | tuple[BinaryIO, Span]


@dataclass(frozen=True, slots=True)
class Source:
    """What is sent. `files_sent` turns how much of the answer arrived into bytes of each file.

    There is no ticket for the owner, whose transfers are not counted. `close` closes what the
    pieces come from, also when they were never asked for.
    """

    pieces: Iterator[Piece]
    ticket: Ticket | None
    files_sent: Callable[[int], Mapping[int, int]]
    close: Callable[[], None]


class Transfer:
    """An answer's bytes. Iterated once by the server, then closed, whatever happened."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._address = request.remote_addr or ""
        self._connection = socket_of(request.environ)
        self._acked: AckedBytes | None = None
        self._accepted = 0
        self._renewed_at = time.monotonic()
        self._is_closed = False
        self._app = current_application()
        self._transfers = current_transfers()

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
        if self._is_closed:
            return
        self._is_closed = True
        try:
            self._source.close()
            if self._source.ticket is not None:
                self._settle(self._source.ticket)
        finally:
            self._transfers.end(self._address)

    def _settle(self, ticket: Ticket) -> None:
        try:
            sent = self._source.files_sent(self._arrived())
            with self._app.app_context():
                end_delivery(ticket, sent, now=utcnow())
        except Exception:
            # The reserved bytes stay spent, as after a crash.
            log.exception("link %s: a delivery could not be settled", ticket.link_id)

    def _chunks(self) -> Iterator[bytes]:
        for piece in self._source.pieces:
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
        return self._acked.wait(stall_seconds=_STALL_SECONDS, meanwhile=self._renew)

    def _renew(self) -> None:
        ticket = self._source.ticket
        if ticket is None or time.monotonic() - self._renewed_at < _RENEW_SECONDS:
            return
        self._renewed_at = time.monotonic()
        with self._app.app_context():
            renew_delivery(ticket, now=utcnow())


@contextmanager
def starting_transfer() -> Iterator[None]:
    """Count a transfer of this address; the Transfer made in the block ends it when closed.

    Raises TooManyTries, before anything was counted as a download.
    """
    address = request.remote_addr or ""
    current_transfers().begin(address)
    try:
        yield
    except BaseException:
        current_transfers().end(address)
        raise


def send(source: Source, status: int, size_bytes: int) -> Response:
    """Return the response that carries the bytes; their number is known."""
    response = Response(status=status, direct_passthrough=True)
    response.response = Transfer(source)
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
