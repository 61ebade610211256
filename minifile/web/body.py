"""The body of an upload: counted, timed, and whole or refused.

A server hands a vanished client's body over as if it had simply ended, so the length is judged
here. Under gunicorn the bytes of a body with Content-Length come straight from its socket (after
what its parser had read ahead) into a few buffers that are used again and again: its own reader
copies them once more and can't be timed.
"""

import logging
import socket
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from functools import cache
from typing import Any

from minifile import metering
from minifile.errors import BadRequest, TooLarge, UploadCut, UploadTooSlow
from minifile.services.checksums import HELD_CHUNKS, LARGE_CHUNK_BYTES
from minifile.values import Chunk
from minifile.web.connection import close_after_answer, discard_body, socket_of

log = logging.getLogger("minifile")

# What one reading asks for: little at first, so that a slow client costs little.
FIRST_BYTES = 16 * 1024
MOST_BYTES = 1024 * 1024
# A buffer that was filled so often is too small.
_FILLED_OFTEN = 8
# The average rate is judged only after this; a short pause at the start is no slow client.
_RATE_GRACE_SECONDS = 30.0

# A buffer, and how much of it, from its start, has just arrived.
Received = tuple[bytes | bytearray, int]


class Body:
    """The body of one request, to be read once."""

    def __init__(
        self,
        environ: dict[str, Any],
        *,
        idle_timeout: timedelta,
        min_rate: int,
        max_bytes: int,
        keeps: bool = False,
    ) -> None:
        """Look at the headers; nothing is read yet. `max_bytes` bounds a body without a length.

        `keeps` says that what arrives of a cut body is of use, which its errors then say too.
        """
        self.size_bytes = declared_length(environ)
        self.received = 0
        self._environ = environ
        self._idle_seconds = idle_timeout.total_seconds()
        self._min_rate = min_rate
        self._max_bytes = max_bytes
        self._loss = "What arrived is kept." if keeps else "Nothing was kept."
        self._whole = self.size_bytes == 0

    @property
    def is_whole(self) -> bool:
        """Say whether every byte has been read."""
        return self._whole

    def chunks(self) -> Iterator[Chunk]:
        """Yield the body as it comes: views of what `buffers` yields, with its errors."""
        for buffer, size in self.buffers():
            yield buffer if isinstance(buffer, bytes) else memoryview(buffer)[:size]

    def buffers(self) -> Iterator[Received]:
        """Yield the body as it comes, each time a buffer and how much of it came.

        A buffer of LARGE_CHUNK_BYTES or more stays as it is until HELD_CHUNKS more have been
        asked for, a smaller one until the next; then it is used again. A client that waits for
        `100 Continue` gets it with the first asking. Raises UploadCut when the body ends before
        its length or its last chunk, UploadTooSlow when nothing comes for the idle time-out or
        the average is below the least rate, TooLarge when it goes on beyond all bounds.
        """
        self._invite()
        connection = socket_of(self._environ)
        started = time.monotonic()
        if connection is not None:
            connection.settimeout(self._idle_seconds)
        try:
            for buffer, size in self._source(connection):
                self.received += size
                self._check_rate(time.monotonic() - started)
                if self.received > self._max_bytes:
                    raise TooLarge("The upload is too large.")
                yield buffer, size
            self._check_length()
        except TimeoutError:
            raise UploadTooSlow(
                f"Nothing arrived for {self._idle_seconds:.0f} seconds. {self._loss}"
            ) from None
        finally:
            metering.count(metering.RECEIVED, by=self.received)
            if connection is not None:
                # The server may have closed it by now.
                with suppress(OSError):
                    connection.settimeout(None)

    def refuse_rest(self) -> Callable[[], None]:
        """Prepare an answer to a body that is not read to its end.

        Returns what to do once the answer has been sent.
        """
        close_after_answer(self._environ)
        connection = socket_of(self._environ)
        return (lambda: None) if connection is None else (lambda: discard_body(connection))

    def _invite(self) -> None:
        """Send `100 Continue` where the server has left it to us, and the client waits for it."""
        send_continue: Callable[[], None] | None = self._environ.get("minifile.continue")
        if send_continue is not None and not self._whole:
            # A client that has gone is noticed by the first reading.
            with suppress(OSError):
                send_continue()

    def _source(self, connection: socket.socket | None) -> Iterator[Received]:
        reader = getattr(self._environ["wsgi.input"], "reader", None)
        if connection is not None and self.size_bytes is not None and _is_length_reader(reader):
            return _read_socket(connection, reader, self.size_bytes)
        if self.size_bytes is None and hasattr(reader, "parser"):
            return _read_chunked(reader)
        _say_fallback(self._environ.get("SERVER_SOFTWARE", "this server"))
        return _read_input(self._environ["wsgi.input"], self.size_bytes)

    def _check_rate(self, seconds: float) -> None:
        if seconds > _RATE_GRACE_SECONDS and self.received < seconds * self._min_rate:
            raise UploadTooSlow(
                f"The upload came more slowly than {self._min_rate} bytes a second. {self._loss}"
            )

    def _check_length(self) -> None:
        if self.size_bytes is not None and self.received != self.size_bytes:
            raise UploadCut(
                f"The upload was cut short: {self.received} of {self.size_bytes} bytes arrived."
                f" {self._loss}"
            )
        self._whole = True


def declared_length(environ: dict[str, Any]) -> int | None:
    """Return the declared length of a body in bytes, or None when it comes in chunks.

    Raises BadRequest when there is neither, or a transfer coding we can't undo (gunicorn passes
    `gzip, chunked` on as it is).
    """
    coding = environ.get("HTTP_TRANSFER_ENCODING", "").strip().lower()
    if coding == "chunked":
        return None
    if coding:
        raise BadRequest("Only the transfer coding chunked is understood.")
    length = environ.get("CONTENT_LENGTH", "")
    if not (length.isascii() and length.isdigit() and len(length) < 20):
        raise BadRequest("The request needs a Content-Length or chunked transfer coding.")
    return int(length)


class _Buffers:
    """Buffers that take turns: one small one, several larger ones for a client that fills it."""

    def __init__(self) -> None:
        self._size = FIRST_BYTES
        self._filled = 0
        self._buffers = deque([bytearray(self._size)])

    def next(self) -> bytearray:
        """Return the buffer whose turn it is."""
        self._buffers.rotate()
        return self._buffers[0]

    def note(self, size: int) -> None:
        """Note how much came at once."""
        self._filled += size == self._size
        if self._filled == _FILLED_OFTEN and self._size < MOST_BYTES:
            self._size, self._filled = self._size * 4, 0
            # One is being filled while the held ones are still read.
            count = 1 + (HELD_CHUNKS if self._size >= LARGE_CHUNK_BYTES else 0)
            self._buffers = deque(bytearray(self._size) for _ in range(count))


def _is_length_reader(reader: Any) -> bool:
    """Say whether this is gunicorn's reader with the attributes that 27 has."""
    unreader = getattr(reader, "unreader", None)
    return hasattr(reader, "length") and hasattr(unreader, "take_buffered")


@cache
def _say_fallback(server: str) -> None:
    """Tell the admin, once, why uploads are not as fast as they could be."""
    log.warning(
        "Uploads are read through wsgi.input of %s: more slowly than from the socket that gunicorn"
        " 27 hands out.",
        server,
    )


def _read_socket(connection: socket.socket, reader: Any, size_bytes: int) -> Iterator[Received]:
    """Yield what gunicorn's parser had read ahead, then receive the rest ourselves."""
    ahead = reader.unreader.take_buffered()
    if len(ahead) > size_bytes:
        # The next request on this connection.
        reader.unreader.unread(ahead[size_bytes:])
        ahead = ahead[:size_bytes]
    # gunicorn reads on from here, should the body be given up.
    reader.length = size_bytes - len(ahead)
    if ahead:
        yield ahead, len(ahead)
    buffers = _Buffers()
    while reader.length:
        buffer = buffers.next()
        try:
            size = connection.recv_into(buffer, min(reader.length, len(buffer)))
        except ConnectionError:
            # A reset ends a body like any other end; its length tells that it was cut.
            return
        if not size:
            return
        reader.length -= size
        buffers.note(size)
        yield buffer, size


def _read_chunked(reader: Any) -> Iterator[Received]:
    """Yield each piece as gunicorn's own chunk parser finds it."""
    parser, reader.parser = reader.parser, None
    try:
        yield from ((piece, len(piece)) for piece in parser if piece)
    except TimeoutError:
        raise
    except Exception as error:
        raise UploadCut(
            "The upload was cut short before its last chunk. Nothing was kept."
        ) from error


def _read_input(stream: Any, size_bytes: int | None) -> Iterator[Received]:
    """Yield the body under a server that hands out no socket."""
    left = size_bytes
    while left is None or left > 0:
        try:
            chunk = stream.read(MOST_BYTES if left is None else min(left, MOST_BYTES))
        except OSError as error:
            raise UploadCut("The upload was cut short. Nothing was kept.") from error
        if not chunk:
            return
        if left is not None:
            left -= len(chunk)
        yield chunk, len(chunk)
