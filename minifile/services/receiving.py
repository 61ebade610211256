"""Receiving: the bytes of one request go behind those that an upload has already.

What arrived is kept, however the request ends, but for a part with a checksum: of that all or
nothing. No transaction is open while a body is read.
"""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from datetime import datetime

from minifile.errors import (
    BadRequest,
    ChecksumMismatch,
    Forbidden,
    TooLarge,
    TypeRefused,
    UploadHeld,
    WrongOffset,
)
from minifile.extensions import release_connection
from minifile.policy.limits import check_file_size, check_link_size, check_space
from minifile.policy.types import check_file_type
from minifile.services.answering import terms_of_upload
from minifile.services.checksums import Checksums
from minifile.services.completing import complete, discarded_when_refused
from minifile.services.holding import held
from minifile.services.joining import Progress, link_of
from minifile.services.partial_record import PartialRecord
from minifile.services.partials import Terms, find_partial, move
from minifile.services.reservations import Reserved, reserving
from minifile.services.running_sums import keep_sums, resume_sums
from minifile.services.storing import HEAD_BYTES
from minifile.services.takeover import Writing, freed, writing
from minifile.storage import PartialBlob
from minifile.values import Chunk, PartialState, Visitor

# So much may be lost when the process dies in the middle of a request.
_RECORD_EVERY = 32 * 2**20
_CHECK_SPACE_EVERY = 64 * 2**20


@dataclass(frozen=True, slots=True)
class Checksum:
    """What a client says of one part: an algorithm of hashlib, and the digest."""

    algorithm: str
    digest: bytes


@dataclass(frozen=True, slots=True)
class Part:
    """The body of a request. Its chunks come once, in order, and raise when it is cut."""

    chunks: Iterator[Chunk]
    size_bytes: int | None
    """None when it comes in chunks of unknown number."""
    checksum: Checksum | None = None
    cut: Callable[[], None] = lambda: None
    """Ends the reading from another thread."""


def receive_part(
    upload_id: str,
    offset: int,
    length: int | None,
    part: Part,
    visitor: Visitor,
    *,
    terms: Terms,
    now: Callable[[], datetime],
) -> Progress:
    """Append a part at `offset`, and complete the upload when it is full.

    `length` is that of the whole upload, if it is only said now. Raises NotFound, UploadExpired,
    UploadHeld, WrongOffset, TooLarge, QuotaExceeded, StorageFull, TypeRefused, ChecksumMismatch.
    """
    found = find_partial(upload_id, visitor, rates=terms.rates, now=now())
    row = freed(found, storage=terms.storage)
    terms = terms_of_upload(row, terms, now())
    check_part(row, offset, length, part, terms)
    if row.state != PartialState.OPEN:
        return Progress(row, link_of(row, secret=terms.secret))
    return receive(row, part, visitor, length=length, terms=terms, now=now)


def check_part(
    row: PartialRecord, offset: int, length: int | None, part: Part, terms: Terms
) -> None:
    """Judge a part before a byte of it is read."""
    if row.is_final:
        raise Forbidden("This upload is made of others; nothing can be sent to it.")
    if offset != row.offset:
        raise WrongOffset(row.offset)
    if length is not None:
        _check_length(row, length, terms)
    left = _left(row, length, terms)
    if (part.size_bytes or 0) > left:
        raise TooLarge(f"The part is too large: {left} bytes are left of this upload.")
    check_space(part.size_bytes or 0, terms.storage.free_bytes(), terms.limits)


def receive(
    row: PartialRecord,
    part: Part,
    visitor: Visitor,
    *,
    length: int | None = None,
    terms: Terms,
    now: Callable[[], datetime],
) -> Progress:
    """Append a part that was judged; see `receive_part`."""
    release_connection()
    with (
        discarded_when_refused(row, terms.storage),
        held(row, row.offset, terms=terms, now=now, length=length) as (mine, blob),
    ):
        with (
            _room_for(mine, part, terms, now) as reserved,
            writing(mine, part.cut) as running,
        ):
            if mine.length is None:
                reserved.begin()
            receipt = _Receipt(mine, blob, part, running, reserved, terms, now)
            received = receipt.receive()
        if not received.is_full:
            return Progress(received)
        sums, address = receipt.sums, visitor.rate_address
        return complete(received, blob, sums, address=address, terms=terms, now=now)


def _room_for(
    row: PartialRecord, part: Part, terms: Terms, now: Callable[[], datetime]
) -> AbstractContextManager[Reserved]:
    """Reserve what comes of an upload of unknown length; the row of any other reserves it all."""
    if row.length is not None:
        return nullcontext(Reserved(terms.limits, 0, now))
    return reserving(terms.limits, part.size_bytes, links=0, now=now)


class _Receipt:
    """One part on its way into a partial blob."""

    def __init__(
        self,
        row: PartialRecord,
        blob: PartialBlob,
        part: Part,
        running: Writing,
        reserved: Reserved,
        terms: Terms,
        now: Callable[[], datetime],
    ) -> None:
        self.sums: Checksums | None = resume_sums(row)
        self._row, self._blob, self._part = row, blob, part
        self._running, self._terms, self._clock = running, terms, now
        self._reserved = reserved
        self._end = row.offset + _left(row, None, terms)
        self._next_space_check = row.offset
        checksum = part.checksum
        self._digest = None if checksum is None else hashlib.new(checksum.algorithm)

    def receive(self) -> PartialRecord:
        """Take all chunks and return the row as it is then; it stays the writer's when full."""
        try:
            for chunk in self._part.chunks:
                self._add(chunk)
            self._check_sum()
        except TypeRefused:
            raise
        except BaseException:
            # A part that did not prove to be right is cut off by who goes on.
            kept = self._row.offset if self._digest else self._blob.size_bytes
            self._record(kept, keeps=False, durable=True)
            raise
        finally:
            if self.sums is not None:
                self.sums.rest()
        self._record(self._blob.size_bytes, keeps=self._fills(), durable=True)
        return self._row

    def _add(self, chunk: Chunk) -> None:
        before, after = self._blob.size_bytes, self._blob.size_bytes + len(chunk)
        if after > self._end:
            raise TooLarge("The part is longer than what is left of this upload.")
        if after >= self._next_space_check:
            check_space(len(chunk), self._terms.storage.free_bytes(), self._terms.limits)
            self._next_space_check = after + _CHECK_SPACE_EVERY
        self._reserved.cover(after - self._row.offset)
        self._blob.write(chunk)
        self._running.note_bytes()
        if self.sums is not None:
            self.sums.update(chunk)
        if self._digest is not None:
            self._digest.update(chunk)
        if before < HEAD_BYTES <= after and not self._row.is_part:
            head = self._blob.head(HEAD_BYTES)
            check_file_type(self._row.filename, head, self._terms.limits)
        if self._digest is None and after - self._row.offset >= _RECORD_EVERY:
            self._record(after, keeps=True, durable=False)

    def _check_sum(self) -> None:
        checksum, digest = self._part.checksum, self._digest
        if checksum is not None and digest is not None and digest.digest() != checksum.digest:
            raise ChecksumMismatch

    def _fills(self) -> bool:
        return self._row.length is not None and self._blob.size_bytes >= self._row.length

    def _record(self, offset: int, *, keeps: bool, durable: bool) -> None:
        """Bring the bytes to stable storage, then say so. Raises UploadHeld."""
        if offset != self._row.offset:
            self._blob.sync()
        is_mine = move(
            self._row,
            offset,
            keeps=keeps,
            durable=durable,
            lifetime=self._terms.lifetime,
            now=self._clock(),
        )
        if not is_mine:
            raise UploadHeld
        self._row = replace(self._row, offset=offset, writer=self._row.writer if keeps else None)
        if not keeps:
            keep_sums(self._row, self.sums)


def _check_length(row: PartialRecord, length: int, terms: Terms) -> None:
    # What its bundle holds besides is judged when the row is taken.
    if row.length is not None and row.length != length:
        raise BadRequest(f"The length of this upload is {row.length} bytes already.")
    if length < row.offset:
        raise BadRequest(f"The length is less than the {row.offset} bytes that have arrived.")
    check_file_size(length, terms.limits)
    check_link_size(length, terms.limits)


def _left(row: PartialRecord, length: int | None, terms: Terms) -> int:
    """Return how many bytes may still come."""
    end = row.length if length is None else length
    return (terms.limits.max_file_size if end is None else end) - row.offset
