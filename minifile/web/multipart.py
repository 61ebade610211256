"""Multipart forms (RFC 7578), read as a stream: a part is handed on while it arrives.

python-multipart reads boundaries, headers and fields; here its call-backs become an iterator of
parts. The bulk of a file passes it by: where a buffer in the middle of a part holds no boundary,
its bytes are handed on as they lie there. Nothing is spooled, and a body without its closing
boundary is refused.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, MultipartState, parse_options_header

from minifile.errors import BadUpload
from minifile.values import Chunk
from minifile.web.body import Received

MAX_FIELDS = 100
MAX_FIELD_BYTES = 64 * 1024
_MAX_HEADERS = 16
_MAX_HEADER_BYTES = 8 * 1024


@dataclass(slots=True)
class Part:
    """One part of a form; `filename` is None for a plain field. Its chunks come once."""

    name: str
    filename: str | None
    content_type: str | None
    chunks: Iterator[Chunk]

    def value(self) -> str:
        """Return the text of a field. Raises BadUpload when it is too long."""
        read = bytearray()
        for chunk in self.chunks:
            read += chunk
            if len(read) > MAX_FIELD_BYTES:
                raise BadUpload(f"A form field may have at most {MAX_FIELD_BYTES} bytes.")
        return read.decode("utf-8", "replace")


@dataclass(slots=True)
class _Begin:
    headers: dict[str, bytes] = field(default_factory=dict)


class _End:
    """The end of a part."""


_Event = _Begin | _End | Chunk


def read_parts(content_type: str, buffers: Iterator[Received]) -> Iterator[Part]:
    """Yield the parts of a multipart/form-data body in order.

    A part must be used up before the next is asked for; what was left of it is skipped. The
    chunks of a part are views of the buffers, and last as long as those. Raises BadUpload when
    the form is malformed, cut, or has too many fields.
    """
    kind, options = parse_options_header(content_type)
    boundary = options.get(b"boundary", b"")
    if kind != b"multipart/form-data" or not boundary:
        raise BadUpload("Send files as multipart/form-data, or one file with PUT.")
    events = _Events(boundary, buffers)
    fields = 0
    while (event := events.next()) is not None:
        if isinstance(event, _Begin):
            part = _part(event.headers, events)
            # A file input left empty is a field, too.
            fields += not part.filename
            if fields > MAX_FIELDS:
                raise BadUpload(f"A form may have at most {MAX_FIELDS} fields.")
            yield part
    if not events.is_closed:
        raise BadUpload("The upload was cut short: its closing boundary is missing.")


class _Events:
    """Turns the parser's call-backs into events, one buffer of the body at a time."""

    def __init__(self, boundary: bytes, buffers: Iterator[Received]) -> None:
        self.is_closed = False
        self._buffers = buffers
        self._delimiter = b"\r\n--" + boundary
        self._queue: deque[_Event] = deque()
        self._header = (b"", b"")
        self._begin = _Begin()
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._on_part_begin,
                    "on_header_field": self._on_header_field,
                    "on_header_value": self._on_header_value,
                    "on_header_end": self._on_header_end,
                    "on_headers_finished": self._on_headers_finished,
                    "on_part_data": self._on_part_data,
                    "on_part_end": self._on_part_end,
                    "on_end": self._on_end,
                },
                max_header_count=_MAX_HEADERS,
                max_header_size=_MAX_HEADER_BYTES,
            )
        except FormParserError as error:
            raise BadUpload("The form has no usable boundary.") from error

    def next(self) -> _Event | None:
        """Return the next event, reading on when there is none; None at the end of the body."""
        while not self._queue:
            received = next(self._buffers, None)
            if received is None:
                return None
            try:
                self._read(*received)
            except FormParserError as error:
                raise BadUpload("The form is malformed. Nothing was kept.") from error
        return self._queue.popleft()

    def _read(self, buffer: bytes | bytearray, size: int) -> None:
        """Hand on what can only be data of a part; let the parser read the rest."""
        view = memoryview(buffer)
        start = 0
        # With an index it has seen what may be the beginning of a boundary.
        if self._parser.state == MultipartState.PART_DATA and self._parser.index == 0:
            start = _end_of_data(buffer, size, self._delimiter)
            if start:
                self._queue.append(view[:start])
        if start < size:
            self._parser.write(bytes(view[start:size]))

    def data(self) -> Iterator[Chunk]:
        """Yield the bytes of the part that has begun, up to its end."""
        while (event := self.next()) is not None:
            if isinstance(event, _End):
                return
            if isinstance(event, _Begin):
                raise BadUpload("The form is malformed. Nothing was kept.")
            yield event
        raise BadUpload("The upload was cut short: its closing boundary is missing.")

    def _on_part_begin(self) -> None:
        self._begin = _Begin()

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header = (self._header[0] + data[start:end], b"")

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header = (self._header[0], self._header[1] + data[start:end])

    def _on_header_end(self) -> None:
        name, value = self._header
        self._begin.headers[name.decode("latin-1").lower()] = value
        self._header = (b"", b"")

    def _on_headers_finished(self) -> None:
        self._queue.append(self._begin)

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        self._queue.append(memoryview(data)[start:end])

    def _on_part_end(self) -> None:
        self._queue.append(_End())

    def _on_end(self) -> None:
        self.is_closed = True


def _end_of_data(buffer: bytes | bytearray, size: int, delimiter: bytes) -> int:
    """Return where the first delimiter begins, or what may become one with the next buffer."""
    # From behind it takes half as long, and never much longer than usual, whatever the bytes are:
    # the CR at its beginning comes only once, so each comparison that fails skips all of it.
    if buffer.rfind(delimiter, 0, size) >= 0:
        return buffer.find(delimiter, 0, size)
    # A boundary holds no CR, so a delimiter can only begin with the last one.
    at = buffer.rfind(b"\r", max(0, size - len(delimiter) + 1), size)
    return at if at >= 0 and delimiter.startswith(bytes(buffer[at:size])) else size


def _part(headers: dict[str, bytes], events: _Events) -> Part:
    kind, options = parse_options_header(headers.get("content-disposition", b""))
    if kind != b"form-data":
        raise BadUpload("The form is malformed: a part has no Content-Disposition.")
    filename = options.get(b"filename")
    content_type = headers.get("content-type")
    return Part(
        name=_text(options.get(b"name", b"")),
        filename=None if filename is None else _text(filename),
        content_type=None if content_type is None else _text(content_type),
        chunks=events.data(),
    )


def _text(value: bytes) -> str:
    """Read what browsers and curl send: UTF-8, with quotes as %22 (WHATWG HTML, multipart)."""
    text = value.decode("utf-8", "replace")
    return text.replace("%22", '"').replace("%0D", "").replace("%0A", "")
