"""Uploads: from a sender's bytes to a link.

The order of effects: may the sender upload (before a byte is read) → bytes to storage, checked
on the way and synced → rows → the blobs are kept → commit. Whatever fails before the last two
leaves nothing; a failed commit leaves blobs without a row, which the purge sweeps.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from minifile.codes import new_token, token_hash
from minifile.errors import BadOption, BadUpload, DigestMismatch, SignInNeeded
from minifile.extensions import release_connection
from minifile.policy.lifetimes import check_lifetime, parse_lifetime
from minifile.policy.limits import (
    check_file_count,
    check_file_size,
    check_link_size,
    check_max_downloads,
    check_note,
    check_password,
    check_space,
)
from minifile.policy.names import clean_path, number_equal_names
from minifile.policy.types import check_file_type, media_type
from minifile.services.checksums import Checksums
from minifile.services.new_links import save_link
from minifile.services.ownership import check_scope
from minifile.services.passwords import hash_password
from minifile.services.rate_limits import UPLOADS, RateLimits
from minifile.storage import Batch, Storage
from minifile.values import (
    Account,
    Chunk,
    FileRecord,
    Limits,
    LinkRecord,
    LinkState,
    Scope,
    UploadOptions,
    Visitor,
)

__all__ = ["Incoming", "NewLink", "check_options", "parse_lifetime", "receive_upload"]

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
class NewLink:
    """What the sender gets: the link, and the token that proves to have made it."""

    link: LinkRecord
    owner_token: str


@dataclass(frozen=True, slots=True)
class Rules:
    """What a whole upload is judged by."""

    limits: Limits
    storage: Storage
    expected_sha256: str | None


def check_upload(
    declared_bytes: int | None,
    visitor: Visitor,
    *,
    rates: RateLimits,
    limits: Limits,
    storage: Storage,
) -> None:
    """Judge an upload before a byte of it is read. `declared_bytes` is None when unknown.

    Raises SignInNeeded, Forbidden, TooManyTries, TooLarge or StorageFull.
    """
    check_may_upload(visitor.account, limits)
    rates.check(UPLOADS, visitor.rate_address)
    check_link_size(declared_bytes or 0, limits)
    check_space(declared_bytes or 0, storage.free_bytes(), limits)


def check_may_upload(account: Account | None, limits: Limits) -> None:
    """Raise SignInNeeded where only users may upload, Forbidden for a token without the scope."""
    if account is not None:
        check_scope(account, Scope.UPLOAD)
    elif not limits.anyone_may_upload:
        raise SignInNeeded("Only users of this site may upload. Sign in, or send an API token.")


def check_options(options: UploadOptions, *, limits: Limits) -> None:
    """Raise BadOption for the first option that is out of range."""
    if options.lifetime is not None:
        check_lifetime(options.lifetime, limits)
    check_max_downloads(options.max_downloads)
    check_note(options.note)
    check_password(options.password)


def receive_upload(
    files: Iterator[Incoming],
    read_options: Callable[[], UploadOptions],
    visitor: Visitor,
    *,
    declared_bytes: int | None,
    expected_sha256: str | None = None,
    rates: RateLimits,
    limits: Limits,
    storage: Storage,
    now: Callable[[], datetime],
) -> NewLink:
    """Store the files and make a link to them. `declared_bytes` is None when unknown.

    `read_options` is asked after the last file, because a form may name them behind its files.
    The link lives from the moment its rows are written, not from the start of the upload.
    When this returns, bytes, folders and rows are on stable storage.
    """
    check_upload(declared_bytes, visitor, rates=rates, limits=limits, storage=storage)
    release_connection()
    rules = Rules(limits, storage, expected_sha256)
    with storage.batch() as batch:
        stored = with_names_that_differ(store_files(files, batch, rules))
        options = read_options()
        check_options(options, limits=limits)
        owner_token = new_token()
        draft = _draft(stored, options, owner_token, limits, now(), visitor.account)
        # What somebody signed in makes is theirs, and not of whoever uses the browser next.
        owner = visitor.browser if visitor.account is None else None
        link = save_link(draft, batch, owner=owner, code_length=limits.code_length)
    rates.count(UPLOADS, visitor.rate_address)
    return NewLink(link, owner_token)


def store_files(
    files: Iterator[Incoming], batch: Batch, rules: Rules, held: Sequence[FileRecord] = ()
) -> list[FileRecord]:
    """Store each file as it comes; `held` is what the link they are for holds already.

    Their names are clean, but may be equal.
    """
    rows: list[FileRecord] = []
    taken = sum(file.size_bytes for file in held)
    for incoming in files:
        check_file_count(len(held) + len(rows) + 1, rules.limits)
        if rules.expected_sha256 is not None and rows:
            raise BadOption("A digest can be given for an upload of one file only.")
        rows.append(store_file(incoming, batch, rules, taken))
        taken += rows[-1].size_bytes
    if not rows:
        raise BadUpload("The upload holds no file.")
    return rows


def with_names_that_differ(rows: Sequence[FileRecord]) -> list[FileRecord]:
    """Return the files of a new link with a number in names that are there already."""
    names = number_equal_names([row.filename for row in rows])
    return [replace(row, filename=name) for row, name in zip(rows, names, strict=True)]


def store_file(incoming: Incoming, batch: Batch, rules: Rules, taken: int) -> FileRecord:
    """Store one file, judging it on the way. `taken` is what its link holds already, in bytes."""
    check_file_size(incoming.size_bytes or 0, rules.limits)
    filename = clean_path(incoming.filename)
    key = batch.new_key()
    most = incoming.size_bytes or min(rules.limits.max_file_size, rules.limits.max_link_size)
    with Checksums() as sums:
        meter = _Meter(incoming, filename, rules, taken, sums)
        batch.put(key, meter.chunks(), size_bytes=most)
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
        self, incoming: Incoming, filename: str, rules: Rules, taken: int, sums: Checksums
    ) -> None:
        self.head = b""
        self._incoming, self._filename, self._rules = incoming, filename, rules
        self._taken, self._sums = taken, sums
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
        if size_bytes >= self._next_space_check:
            check_space(len(chunk), self._rules.storage.free_bytes(), limits)
            self._next_space_check = size_bytes + _CHECK_SPACE_EVERY
        self._sums.update(chunk)


def _draft(
    files: Sequence[FileRecord],
    options: UploadOptions,
    owner_token: str,
    limits: Limits,
    now: datetime,
    account: Account | None,
) -> LinkRecord:
    """Return the link as it will be, but for its code and the ids of the rows."""
    return LinkRecord(
        id=0,
        code="",
        created_at=now,
        expires_at=now + (options.lifetime or limits.default_lifetime),
        max_downloads=options.max_downloads,
        download_count=0,
        password_hash=None if options.password is None else hash_password(options.password),
        owner_token_hash=token_hash(owner_token),
        note=options.note or None,
        state=LinkState.OPEN.value,
        files=files,
        owner_id=None if account is None else account.id,
        is_private=options.is_private,
    )
