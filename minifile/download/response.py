"""Bytes on their way out: what they come from, and what is settled when the answer is over.

A server of our own sends the pieces itself, file content by `sendfile` (`server/sending.py`);
any other server iterates over the transfer, which then reads the files.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from socket import socket
from typing import Any, BinaryIO, TypeVar

from flask import Flask, request

from minifile import metering
from minifile.download.late import (
    OwedSettlement,
    late_settlements,
    log_unsettled,
    may_be_tried_again,
)
from minifile.download.renewals import Running, renewals
from minifile.request_ids import current_request_id
from minifile.services.commits import Outcome, Work, commit_all
from minifile.services.deliveries import Ticket
from minifile.services.settling import ending
from minifile.values import Span
from minifile.web.connection import OutgoingBytes, socket_of
from minifile.web.current import (
    current_application,
    current_transfers,
    instance_of,
    utcnow,
    visitor_network,
)

T = TypeVar("T")

CHUNK_BYTES = 256 * 1024
# For so long is waited for an acknowledgement that does not come.
_ACK_SECONDS = 10.0

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
    is_remote: bool = False
    """Whether the blobs are no files of this machine: reading waits for the network."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """Who takes the bytes: by network for the share of transfers, by connection for the count."""

    app: Flask
    network: str
    connection: socket | None


class Transfer:
    """An answer's bytes: sent by a server that knows how, or iterated; then closed, once."""

    def __init__(self, source: Source, recipient: Recipient, request_id: str | None = None) -> None:
        """Take a transfer over that was begun in `Transfers`; closing it ends it there too.

        `request_id` is that of the request where it is not the one at hand.
        """
        self.pieces = source.pieces
        self.is_remote = source.is_remote
        self.accepted = 0
        self._source = source
        self._recipient = recipient
        self._running: Running | None = None
        self._outgoing: OutgoingBytes | None = None
        self._known: tuple[int, int] | None = None
        self._is_closed = False
        self._is_shown = False
        self.request_id = request_id or current_request_id()

    @property
    def link_id(self) -> int | None:
        """Which link it is of, for the log; None for the owner's."""
        return None if self._source.ticket is None else self._source.ticket.link_id

    def show(self) -> None:
        """Let it be counted as in progress, for an admin, until it is released."""
        if not self._is_shown:
            self._is_shown = True
            metering.change(metering.TRANSFERS, "download", by=1)

    def start(self) -> None:
        """Begin to count: the headers, and nothing else, have been handed to the kernel."""
        self._outgoing = OutgoingBytes(self._recipient.connection)
        if self._source.ticket is not None:
            self._running = Running(self._recipient.app, self._source.ticket, self.progress)
            renewals.watch(self._running)

    def __iter__(self) -> Iterator[bytes]:
        if self._recipient.connection is not None:
            # Makes the server send the headers, so that what follows can be told from them.
            yield b""
        self.show()
        self.start()
        for piece in self.pieces:
            for chunk in [piece] if isinstance(piece, bytes) else read_span(*piece):
                yield chunk
                # The server asks for the next chunk when the kernel has taken this one.
                self.accepted += len(chunk)

    def is_settled(self) -> bool:
        """Say whether it is known by now how much was sent and how much arrived; don't wait."""
        if self._known is None:
            self._known = self._poll()
        return self._known is not None

    def ending(self) -> Work[None] | None:
        """Return the work that settles, to be committed with others; None for the owner's.

        Waits until it is known how much arrived. Then `release` has to be called.
        """
        if self._source.ticket is None:
            return None
        sent, arrived = map(self._source.files_sent, self._wait())
        return ending(self._source.ticket, sent, arrived, now=utcnow())

    def release(self) -> None:
        """Let go of files and marks. Once; the second time is no error."""
        if self._is_closed:
            return
        self._is_closed = True
        try:
            self._source.close()
        finally:
            if self._running is not None:
                renewals.forget(self._running)
            instance_of(self._recipient.app).transfers.end(self._recipient.network)
            if self._is_shown:
                metering.change(metering.TRANSFERS, "download", by=-1)

    def close(self) -> None:
        """Settle: count what was sent, give back what was not."""
        if self._is_closed:
            return
        try:
            with self._recipient.app.app_context():
                settle_and_commit([self], [])
        except Exception as error:  # noqa: BLE001 (logged with its trace)
            # The answer is out; what it owes the books must not break the connection.
            self.log_unsettled(error)

    def log_unsettled(self, error: BaseException) -> None:
        """Log that settling failed. The reserved bytes stay spent, as after a crash."""
        log_unsettled(self.link_id, error, self.request_id)

    def settle_later(self, work: Work[None]) -> None:
        """Leave the settling to be done when the database answers again."""
        owed = OwedSettlement(self._recipient.app, self.link_id, work, self.request_id)
        late_settlements.owe(owed)

    def progress(self) -> int:
        """Return how much has arrived so far, or what the kernel took where that is unknown."""
        known = self._outgoing is not None and self._outgoing.is_known
        return self._outgoing.arrived() if self._outgoing and known else self.accepted

    def how_it_ended(self) -> str | None:
        """Say in a word how it ended, by what arrived; None for the owner's, which is no download.

        Of an empty file there is nothing but that it was reached.
        """
        ticket = self._source.ticket
        if ticket is None:
            return None
        arrived = self._source.files_sent(0 if self._known is None else self._known[1])
        if any(arrived.get(part.file_id, -1) < part.span.size_bytes for part in ticket.parts):
            return "aborted"
        return "completed" if all(part.is_whole for part in ticket.parts) else "partial"

    def _poll(self) -> tuple[int, int] | None:
        if self._outgoing is None:
            return 0, 0
        if not self._outgoing.is_known:
            return self.accepted, self.accepted
        assert self._recipient.connection is not None
        if self._recipient.connection.fileno() < 0:
            # Closed before the kernel was asked: what it had taken may have been sent.
            return self.accepted, 0
        return self._outgoing.poll(stall_seconds=_ACK_SECONDS)

    def _wait(self) -> tuple[int, int]:
        """Return how many bytes of the answer were sent, and how many arrived."""
        if not self.is_settled():
            assert self._outgoing is not None
            self._known = self._outgoing.finish(stall_seconds=_ACK_SECONDS)
        assert self._known is not None
        return self._known


def settle_and_commit(
    ended: Sequence[Transfer], works: Sequence[Work[T]], *, durable: bool = False
) -> list[Outcome[T]]:
    """Settle ended transfers and run other works, in one commit; return the works' outcomes.

    Waits until it is known of each transfer how much arrived, and releases them all, whatever
    happens. What can't be settled for want of a database is settled later; what else fails is
    logged. Needs an application context.
    """
    try:
        endings = [(each, work) for each in ended if (work := each.ending()) is not None]
        everything: list[Work[Any]] = [*(work for _, work in endings), *works]
        outcomes = commit_all(everything, durable=durable)
        for (transfer, work), outcome in zip(endings, outcomes, strict=False):
            if may_be_tried_again(outcome):
                transfer.settle_later(work)
            elif outcome.error is not None:
                transfer.log_unsettled(outcome.error)
        return outcomes[len(endings) :]
    finally:
        if metering.is_on():
            _tell(ended)
        for transfer in ended:
            transfer.release()


def _tell(ended: Sequence[Transfer]) -> None:
    for result, count in Counter(transfer.how_it_ended() for transfer in ended).items():
        if result is not None:
            metering.count(metering.DOWNLOADS, result, by=count)


def current_recipient() -> Recipient:
    """Return who has sent the request that is being answered."""
    return Recipient(current_application(), visitor_network(), socket_of(request.environ))


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
