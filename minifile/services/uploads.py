"""Uploads: from a sender's bytes to a link.

The order of effects: may the sender upload (before a byte is read) → bytes to storage, checked
on the way and synced → rows → the blobs are kept → commit. Whatever fails before the last two
leaves nothing; a failed commit leaves blobs without a row, which the purge sweeps.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from minifile.codes import new_token, token_hash
from minifile.errors import BadOption, SignInNeeded
from minifile.extensions import release_connection
from minifile.identity import Account, Scope
from minifile.models import ANONYMOUS
from minifile.policy.codes import check_code
from minifile.policy.lifetimes import check_lifetime, parse_lifetime
from minifile.policy.limits import (
    check_link_size,
    check_max_downloads,
    check_note,
    check_password,
    check_space,
)
from minifile.policy.names import number_equal_names
from minifile.services.new_links import save_link
from minifile.services.new_shares import find_shares, insert_shares
from minifile.services.ownership import check_scope
from minifile.services.passwords import hash_password
from minifile.services.rate_limits import UPLOADS, RateLimits
from minifile.services.reservations import reserving
from minifile.services.storing import Incoming, Rules, store_files
from minifile.storage import Storage
from minifile.values import FileRecord, Limits, LinkRecord, LinkState, UploadOptions, Visitor

__all__ = ["Incoming", "NewLink", "check_options", "parse_lifetime", "receive_upload"]


@dataclass(frozen=True, slots=True)
class NewLink:
    """What the sender gets: the link, and the token that proves to have made it."""

    link: LinkRecord
    owner_token: str


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
    """Raise BadOption for the first option that is out of range, or needs an account."""
    if limits.holder == ANONYMOUS and (options.custom_code or options.is_shared):
        raise BadOption("Sign in to choose a code or to share privately.")
    if options.custom_code is not None:
        check_code(options.custom_code)
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
    overhead_bytes: int = 0,
    expected_sha256: str | None = None,
    rates: RateLimits,
    limits: Limits,
    storage: Storage,
    now: Callable[[], datetime],
) -> NewLink:
    """Store the files and make a link to them. `declared_bytes` is None when unknown, and up to
    `overhead_bytes` of them may belong to no file.

    `read_options` is asked after the last file, because a form may name them behind its files.
    The link lives from the moment its rows are written, not from the start of the upload.
    When this returns, bytes, folders and rows are on stable storage.
    """
    check_upload(declared_bytes, visitor, rates=rates, limits=limits, storage=storage)
    release_connection()
    room = reserving(limits, declared_bytes, overhead_bytes=overhead_bytes, now=now)
    with room as reserved, storage.batch() as batch:
        rules = Rules(limits, storage, expected_sha256, reserved, declared_bytes)
        stored = with_names_that_differ(store_files(files, batch, rules))
        options = read_options()
        check_options(options, limits=limits)
        owner_token = new_token()
        draft = _draft(stored, options, owner_token, limits, now(), visitor.account)
        # What somebody signed in makes is theirs, and not of whoever uses the browser next.
        owner = visitor.browser if visitor.account is None else None
        shares = find_shares(options, visitor.account, rates=rates)
        share = partial(insert_shares, shares, code_length=limits.code_length, now=draft.created_at)
        link = save_link(
            draft,
            batch,
            owner=owner,
            share=share,
            reserved=reserved,
            code_length=limits.code_length,
        )
    rates.count(UPLOADS, visitor.rate_address)
    return NewLink(link, owner_token)


def with_names_that_differ(rows: Sequence[FileRecord]) -> list[FileRecord]:
    """Return the files of a new link with a number in names that are there already."""
    names = number_equal_names([row.filename for row in rows])
    return [replace(row, filename=name) for row, name in zip(rows, names, strict=True)]


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
        code=options.custom_code or "",
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
