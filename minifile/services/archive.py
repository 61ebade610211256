"""The layout of a stored zip archive, known before a byte of it is sent.

Nothing is deflated and nothing is written after the fact, so the archive has an exact length
and the same bytes at every request: it can be resumed. "APPNOTE" is PKWARE's .ZIP
File Format Specification 6.3.10.
"""

import struct
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import accumulate, chain

from minifile.values import Span

Piece = bytes | tuple[int, Span]

_MAX_16, _MAX_32 = 0xFFFF, 0xFFFFFFFF
_PLAIN_VERSION, _ZIP64_VERSION = 20, 45
_MADE_ON_UNIX = 3 << 8
_UTF8_NAMES = 1 << 11
_REGULAR_FILE = 0o100644 << 16
_EARLIEST, _LATEST = (
    datetime(1980, 1, 1, tzinfo=UTC),
    datetime(2107, 12, 31, 23, 59, 58, tzinfo=UTC),
)

# Small headers are joined up to this size, so that a directory of 10,000 files is not
# 10,000 writes to a socket.
_JOIN_BYTES = 64 * 1024

_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")
_ZIP64_END = struct.Struct("<4sQ2H2I4Q")
_ZIP64_LOCATOR = struct.Struct("<4sIQI")


@dataclass(frozen=True, slots=True)
class Member:
    """A file in the archive. `name` may have folders, separated by `/`."""

    name: str
    size_bytes: int
    crc32: int
    modified_at: datetime


class Layout:
    """Where each byte of the archive of some members comes from.

    The archive is a row of 3n + 1 parts: a header and the content of each of n members, then
    n entries of the central directory, then the end record. Only their bounds are kept.
    """

    def __init__(self, members: Sequence[Member]) -> None:
        self._members = tuple(members)
        contents = chain.from_iterable(
            (len(_local_header(member)), member.size_bytes) for member in self._members
        )
        self._bounds = list(accumulate(contents, initial=0))
        self._directory_at = self._bounds[-1]
        entries = [
            len(_directory_entry(member, self._bounds[2 * index]))
            for index, member in enumerate(self._members)
        ]
        self._bounds += accumulate(entries, initial=self._bounds.pop())
        self._end = _end_record(len(self._members), self._directory_at, self._bounds[-1])
        self._bounds.append(self._bounds[-1] + len(self._end))

    @property
    def size_bytes(self) -> int:
        return self._bounds[-1]

    def pieces(self, span: Span) -> Iterator[Piece]:
        """Return what makes up these bytes of the archive, in order.

        A piece is bytes, or the index of a member and the part of its content to put there.
        """
        headers = bytearray()
        for index, part in self._parts(span):
            if self._is_content(index):
                if headers:
                    yield bytes(headers)
                    headers.clear()
                yield index // 2, part
                continue
            headers += self._header(index)[part.start : part.stop]
            if len(headers) >= _JOIN_BYTES:
                yield bytes(headers)
                headers.clear()
        if headers:
            yield bytes(headers)

    def member_spans(self, span: Span) -> list[tuple[int, Span]]:
        """Return the index of each member with content in `span`, and which part of it.

        An empty member, with an empty part, goes with the last byte of its header: so it is
        in exactly one of the spans that an archive is fetched in.
        """
        found = []
        for index, part in self._parts(span):
            if index >= 2 * len(self._members):
                break
            member = index // 2
            if self._is_content(index):
                found.append((member, part))
            elif self._bounds[index] + part.stop == self._bounds[index + 2]:
                found.append((member, Span(0, 0)))
        return found

    def _parts(self, span: Span) -> Iterator[tuple[int, Span]]:
        """Return each part of the archive with bytes in `span`, and which of its bytes."""
        index = max(0, bisect_right(self._bounds, span.start) - 1)
        while index < len(self._bounds) - 1 and self._bounds[index] < span.stop:
            begin, end = self._bounds[index], self._bounds[index + 1]
            part = Span(max(span.start, begin) - begin, min(span.stop, end) - begin)
            if part.size_bytes > 0:
                yield index, part
            index += 1

    def _is_content(self, index: int) -> bool:
        return index % 2 == 1 and index < 2 * len(self._members)

    def _header(self, index: int) -> bytes:
        count = len(self._members)
        if index < 2 * count:
            return _local_header(self._members[index // 2])
        if index == 3 * count:
            return self._end
        member = index - 2 * count
        return _directory_entry(self._members[member], self._bounds[2 * member])


def _local_header(member: Member) -> bytes:
    """Return the local file header, APPNOTE section 4.3.7."""
    name = member.name.encode()
    # Unlike in the directory, both sizes are there or none (APPNOTE section 4.5.3).
    extra = _zip64_extra([member.size_bytes] * 2 if member.size_bytes >= _MAX_32 else [])
    size = min(member.size_bytes, _MAX_32)
    fields = (_version(extra), *_common_fields(member), size, size, len(name), len(extra))
    return _LOCAL.pack(b"PK\x03\x04", *fields) + name + extra


def _directory_entry(member: Member, offset: int) -> bytes:
    """Return the central directory header, APPNOTE section 4.3.12."""
    name = member.name.encode()
    large = [number for number in (member.size_bytes,) * 2 + (offset,) if number >= _MAX_32]
    extra = _zip64_extra(large)
    size = min(member.size_bytes, _MAX_32)
    version = _version(extra)
    fields = (_MADE_ON_UNIX | version, version, *_common_fields(member), size, size)
    lengths = (len(name), len(extra), 0)
    place = (0, 0, _REGULAR_FILE, min(offset, _MAX_32))
    return _CENTRAL.pack(b"PK\x01\x02", *fields, *lengths, *place) + name + extra


def _end_record(count: int, directory_at: int, directory_end: int) -> bytes:
    """Return the end of central directory record, APPNOTE sections 4.3.14 to 4.3.16."""
    size = directory_end - directory_at
    counts, place = (min(count, _MAX_16),) * 2, (min(size, _MAX_32), min(directory_at, _MAX_32))
    end = _END.pack(b"PK\x05\x06", 0, 0, *counts, *place, 0)
    if count < _MAX_16 and max(size, directory_at) < _MAX_32:
        return end
    versions = (_MADE_ON_UNIX | _ZIP64_VERSION, _ZIP64_VERSION)
    # The record does not count its own first 12 bytes.
    record_size = _ZIP64_END.size - 12
    zip64_end = _ZIP64_END.pack(
        b"PK\x06\x06", record_size, *versions, 0, 0, count, count, size, directory_at
    )
    return zip64_end + _ZIP64_LOCATOR.pack(b"PK\x06\x07", 0, directory_end, 1) + end


def _common_fields(member: Member) -> tuple[int, int, int, int, int]:
    """Return flags, method "stored", DOS time and date, and CRC: the same in both headers."""
    # A DOS time has no zone. UTC makes the bytes the same wherever the server stands.
    at = min(max(member.modified_at.astimezone(UTC), _EARLIEST), _LATEST)
    time = at.hour << 11 | at.minute << 5 | at.second // 2
    date = (at.year - 1980) << 9 | at.month << 5 | at.day
    return _UTF8_NAMES, 0, time, date, member.crc32


def _zip64_extra(numbers: Sequence[int]) -> bytes:
    """Return the extra field for numbers that need 64 bits, APPNOTE section 4.5.3."""
    if not numbers:
        return b""
    return struct.pack(f"<2H{len(numbers)}Q", 1, 8 * len(numbers), *numbers)


def _version(extra: bytes) -> int:
    return _ZIP64_VERSION if extra else _PLAIN_VERSION
