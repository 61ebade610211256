"""Bytes on their way out: sent piece by piece, and settled when the response closes."""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

from flask import request

from minifile.download.renewals import Running, renewals
from minifile.services.deliveries import Ticket, end_delivery
from minifile.values import Span
from minifile.web.connection import OutgoingBytes, socket_of
from minifile.web.current import current_application, current_transfers, utcnow, visitor_network

log = logging.getLogger("minifile")

CHUNK_BYTES = 256 * 1024
_STALL_SECONDS = 10.0

Piece = bytes | tuple[BinaryIO, Span]


@dataclass(frozen=True, slots=True)
class Source:
    """What is sent. `files_sent` turns how much of the answer was sent into bytes of each file.

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
        self._app = current_application()
        self._source = source
        ticket = source.ticket
        self._running = None if ticket is None else Running(self._app, ticket, self._progress)
        self._transfers = current_transfers()
        self._address = visitor_network()
        self._connection = socket_of(request.environ)
        self._outgoing: OutgoingBytes | None = None
        self._accepted = 0
        self._is_closed = False

    def __iter__(self) -> Iterator[bytes]:
        if self._connection is not None:
            # Makes the server send the headers, so that what follows can be told from them.
            yield b""
        self._outgoing = OutgoingBytes(self._connection)
        if self._running is not None:
            renewals.watch(self._running)
        for chunk in self._chunks():
            yield chunk
            # The server asks for the next chunk when the kernel has taken this one.
            self._accepted += len(chunk)

    def close(self) -> None:
        """Settle: count what was sent, give back what was not."""
        if self._is_closed:
            return
        self._is_closed = True
        try:
            self._source.close()
            if self._source.ticket is not None:
                self._settle(self._source.ticket)
        finally:
            if self._running is not None:
                renewals.forget(self._running)
            self._transfers.end(self._address)

    def _progress(self) -> int:
        known = self._outgoing is not None and self._outgoing.is_known
        return self._outgoing.arrived() if self._outgoing and known else self._accepted

    def _chunks(self) -> Iterator[bytes]:
        for piece in self._source.pieces:
            if isinstance(piece, bytes):
                yield piece
            else:
                yield from read_span(*piece)

    def _settle(self, ticket: Ticket) -> None:
        try:
            sent, arrived = map(self._source.files_sent, self._finish())
            with self._app.app_context():
                end_delivery(ticket, sent, arrived, now=utcnow())
        except Exception:
            # The reserved bytes stay spent, as after a crash.
            log.exception("link %s: a delivery could not be settled", ticket.link_id)

    def _finish(self) -> tuple[int, int]:
        """Return how many bytes of the answer were sent, and how many arrived."""
        if self._outgoing is None:
            return 0, 0
        if not self._outgoing.is_known:
            return self._accepted, self._accepted
        return self._outgoing.finish(stall_seconds=_STALL_SECONDS)


@contextmanager
def starting_transfer() -> Iterator[None]:
    """Count a transfer of this address; the Transfer made in the block ends it when closed.

    Raises TooManyTries, before anything was counted as a download.
    """
    address = visitor_network()
    current_transfers().begin(address)
    try:
        yield
    except BaseException:
        current_transfers().end(address)
        raise


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
