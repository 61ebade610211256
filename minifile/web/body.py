"""The body of an upload: counted, timed, and whole or refused.

A server hands a vanished client's body over as if it had simply ended, so the length is judged
here. Under gunicorn the bytes of a body with Content-Length come straight from its socket (after
what its parser had read ahead): its own reader copies them once more and can't be timed.
"""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Any

from minifile.errors import BadRequest, BadUpload, TooLarge, UploadTooSlow
from minifile.web.connection import close_after_answer, discard_body, socket_of

CHUNK_BYTES = 256 * 1024
# The average rate is judged only after this; a short pause at the start is no slow client.
_RATE_GRACE_SECONDS = 30.0


class Body:
    """The body of one request, to be read once."""

    def __init__(
        self,
        environ: dict[str, Any],
        *,
        idle_timeout: timedelta,
        min_rate: int,
        max_bytes: int,
    ) -> None:
        """Look at the headers; nothing is read yet. `max_bytes` bounds a body without a length."""
        self.size_bytes = declared_length(environ)
        self.received = 0
        self._environ = environ
        self._idle_seconds = idle_timeout.total_seconds()
        self._min_rate = min_rate
        self._max_bytes = max_bytes
        self._whole = self.size_bytes == 0

    @property
    def is_whole(self) -> bool:
        """Say whether every byte has been read."""
        return self._whole

    def chunks(self) -> Iterator[bytes]:
        """Yield the body as it comes.

        Raises BadUpload when it ends before its length or its last chunk, UploadTooSlow when
        nothing comes for the idle time-out or the average is below the least rate, TooLarge
        when it goes on beyond all bounds.
        """
        connection = socket_of(self._environ)
        started = time.monotonic()
        if connection is not None:
            connection.settimeout(self._idle_seconds)
        try:
            for chunk in self._source(connection):
                self.received += len(chunk)
                self._check_rate(time.monotonic() - started)
                if self.received > self._max_bytes:
                    raise TooLarge("The upload is too large.")
                yield chunk
            self._check_length()
        except TimeoutError:
            raise UploadTooSlow(
                f"Nothing arrived for {self._idle_seconds:.0f} seconds. Nothing was kept."
            ) from None
        finally:
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

    def _source(self, connection: socket.socket | None) -> Iterator[bytes]:
        reader = getattr(self._environ["wsgi.input"], "reader", None)
        if connection is not None and self.size_bytes is not None and _is_length_reader(reader):
            return _read_socket(connection, reader, self.size_bytes)
        if self.size_bytes is None and hasattr(reader, "parser"):
            return _read_chunked(reader)
        return _read_input(self._environ["wsgi.input"], self.size_bytes)

    def _check_rate(self, seconds: float) -> None:
        if seconds > _RATE_GRACE_SECONDS and self.received < seconds * self._min_rate:
            raise UploadTooSlow(
                f"The upload came more slowly than {self._min_rate} bytes a second."
                " Nothing was kept."
            )

    def _check_length(self) -> None:
        if self.size_bytes is not None and self.received != self.size_bytes:
            raise BadUpload(
                f"The upload was cut short: {self.received} of {self.size_bytes} bytes arrived."
                " Nothing was kept."
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


def _is_length_reader(reader: Any) -> bool:
    """Say whether this is gunicorn's reader with the attributes that 27 has."""
    unreader = getattr(reader, "unreader", None)
    return hasattr(reader, "length") and hasattr(unreader, "take_buffered")


def _read_socket(connection: socket.socket, reader: Any, size_bytes: int) -> Iterator[bytes]:
    """Yield what gunicorn's parser had read ahead, then receive the rest ourselves."""
    left = size_bytes
    ahead = reader.unreader.take_buffered()
    if len(ahead) > left:
        # The next request on this connection.
        reader.unreader.unread(ahead[left:])
        ahead = ahead[:left]
    while True:
        left -= len(ahead)
        # gunicorn reads on from here, should the body be given up.
        reader.length = left
        if ahead:
            yield ahead
        if not left:
            return
        try:
            ahead = connection.recv(min(left, CHUNK_BYTES))
        except ConnectionError:
            # A reset ends a body like any other end; its length tells that it was cut.
            return
        if not ahead:
            return


def _read_chunked(reader: Any) -> Iterator[bytes]:
    """Yield each piece as gunicorn's own chunk parser finds it."""
    parser, reader.parser = reader.parser, None
    try:
        yield from (piece for piece in parser if piece)
    except TimeoutError:
        raise
    except Exception as error:
        raise BadUpload(
            "The upload was cut short before its last chunk. Nothing was kept."
        ) from error


def _read_input(stream: Any, size_bytes: int | None) -> Iterator[bytes]:
    """Yield the body under a server that hands out no socket."""
    left = size_bytes
    while left is None or left > 0:
        try:
            chunk = stream.read(CHUNK_BYTES if left is None else min(left, CHUNK_BYTES))
        except OSError as error:
            raise BadUpload("The upload was cut short. Nothing was kept.") from error
        if not chunk:
            return
        if left is not None:
            left -= len(chunk)
        yield chunk
