"""Storing: the bytes of files on their way, measured, hashed and judged as they pass."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from minifile.errors import BadOption, BadUpload, DigestMismatch
from minifile.policy.limits import check_file_count, check_file_size, check_link_size, check_space
from minifile.policy.names import clean_path
from minifile.policy.types import check_file_type, media_type
from minifile.services.checksums import Checksums
from minifile.services.digests import check_digest
from minifile.services.reservations import Reserved
from minifile.storage import Batch, Storage
from minifile.values import Chunk, FileRecord, Limits

# Enough for every signature that tells a type, of tar archives too.
HEAD_BYTES = 8192
_CHECK_SPACE_EVERY = 64 * 2**20
# A file is as old as its link, which is made after the last of them has arrived.
_NOT_YET = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Incoming:
    """A file on its way in. Its chunks come once, in order, and raise when the body is cut."""

    filename: str
    content_type: str | None
    chunks: Iterator[Chunk]
    size_bytes: int | None = None
    """The declared size, where one was declared for this file alone."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What a whole upload is judged by."""

    limits: Limits
    storage: Storage
    expected_sha256: str | None
    reserved: Reserved
    declared_bytes: int | None = None

    @property
    def most_bytes(self) -> int:
        """What one file can have at most, as far as it is known."""
        most = min(self.limits.max_file_size, self.limits.max_link_size)
        return most if self.declared_bytes is None else min(most, self.declared_bytes)


def store_files(
    files: Iterator[Incoming], batch: Batch, rules: Rules, held: Sequence[FileRecord] = ()
) -> list[FileRecord]:
    """Store each file as it comes; `held` is what the link they are for holds already.

    Their names are clean, but may be equal.
    """
    rows: list[FileRecord] = []
    taken, new = sum(file.size_bytes for file in held), 0
    for incoming in files:
        check_file_count(len(held) + len(rows) + 1, rules.limits)
        if rules.expected_sha256 is not None and rows:
            raise BadOption("A digest can be given for an upload of one file only.")
        rows.append(store_file(incoming, batch, rules, taken, new))
        taken, new = taken + rows[-1].size_bytes, new + rows[-1].size_bytes
    if not rows:
        raise BadUpload("The upload holds no file.")
    return rows


def store_file(
    incoming: Incoming, batch: Batch, rules: Rules, taken: int, new: int = 0
) -> FileRecord:
    """Store one file, judging it on the way.

    `taken` is what its link holds already, in bytes; `new` what of it came with this upload.
    """
    rules.reserved.begin()
    check_file_size(incoming.size_bytes or 0, rules.limits)
    filename = clean_path(incoming.filename)
    key = batch.new_key()
    most = incoming.size_bytes or rules.most_bytes
    with Checksums() as sums:
        meter = _Meter(incoming, filename, rules, (taken, new), sums)
        batch.put(key, meter.chunks(), size_bytes=most)
        check_digest(sums.sha256())
        return FileRecord(
            id=0,
            filename=filename,
            content_type=media_type(filename, meter.head, incoming.content_type),
            size_bytes=sums.size_bytes,
            sha256=sums.sha256(),
            crc32=sums.crc32(),
            storage_key=key,
            created_at=_NOT_YET,
        )


class _Meter:
    """Passes a file's chunks on to storage; measures, hashes and judges them on the way."""

    def __init__(
        self,
        incoming: Incoming,
        filename: str,
        rules: Rules,
        before: tuple[int, int],
        sums: Checksums,
    ) -> None:
        self.head = b""
        self._incoming, self._filename, self._rules = incoming, filename, rules
        self._taken, self._new = before
        self._sums = sums
        self._next_space_check = 0

    def chunks(self) -> Iterator[Chunk]:
        """Yield the chunks; raise, so that storage keeps nothing, when a rule is broken."""
        for chunk in self._incoming.chunks:
            self._note_head(chunk)
            self._count(chunk)
            yield chunk
        if len(self.head) < HEAD_BYTES:
            self._check_type()
        expected = self._rules.expected_sha256
        if expected is not None and expected != self._sums.sha256():
            raise DigestMismatch(
                "What arrived does not match the digest that was sent with it. Nothing was kept."
            )

    def _note_head(self, chunk: Chunk) -> None:
        """Keep the first bytes, and judge the type as soon as they are there."""
        missing = HEAD_BYTES - len(self.head)
        if missing > 0:
            self.head += bytes(chunk[:missing])
            if len(self.head) == HEAD_BYTES:
                self._check_type()

    def _check_type(self) -> None:
        check_file_type(self._filename, self.head, self._rules.limits)

    def _count(self, chunk: Chunk) -> None:
        size_bytes = self._sums.size_bytes + len(chunk)
        limits = self._rules.limits
        check_file_size(size_bytes, limits)
        check_link_size(self._taken + size_bytes, limits)
        self._rules.reserved.cover(self._new + size_bytes)
        if size_bytes >= self._next_space_check:
            check_space(len(chunk), self._rules.storage.free_bytes(), limits)
            self._next_space_check = size_bytes + _CHECK_SPACE_EVERY
        self._sums.update(chunk)
