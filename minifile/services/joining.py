"""Joining: one link from one complete upload or from the uploads of a bundle, made once.

All is decided within one transaction that holds the bundle. The owner token is derived from the
hash that the row keeps, so it can be said again without being stored.
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import bindparam, update

from minifile.codes import token_hash
from minifile.errors import UploadHeld
from minifile.extensions import db
from minifile.models import PartialUpload
from minifile.policy.names import natural_order, number_equal_names
from minifile.services.bundle_rows import count_complete
from minifile.services.custom_codes import is_taken, take_code
from minifile.services.new_links import insert_link
from minifile.services.new_shares import Shares, insert_shares, read_shares
from minifile.services.partial_record import PartialRecord
from minifile.services.partials import Terms, read_members
from minifile.services.quotas import count_upload
from minifile.services.records import read_made_link
from minifile.services.statements import Driver, Statement, reading
from minifile.services.submission_rows import Sender, hand_in
from minifile.services.uploads import NewLink
from minifile.values import FileRecord, LinkRecord, LinkState, PartialState

_JOIN = Statement(
    update(PartialUpload)
    .where(
        PartialUpload.id == bindparam("row_id"),
        PartialUpload.state == PartialState.COMPLETE.value,
    )
    .values(state=PartialState.JOINED.value, link_id=bindparam("new_link_id"), writer=None)
    .returning(PartialUpload.id)
)


@dataclass(frozen=True, slots=True)
class LinkOptions:
    """What the link will be like; the password is hashed already."""

    lifetime: timedelta | None
    max_downloads: int | None
    password_hash: str | None
    note: str | None
    owner_hash: str | None
    owner_id: int | None
    is_private: bool
    custom_code: str | None
    shares: Shares
    sender_name: str | None = None
    """Who sends it to a file request; the note is then what they say."""
    adds: bool = False

    @property
    def sender(self) -> Sender:
        return Sender(self.owner_hash, self.sender_name, self.note, self.adds)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an upload has come, and the link if it is in one."""

    row: PartialRecord
    made: NewLink | None = None


def options_of(row: PartialRecord) -> LinkOptions:
    """Return what was chosen when the upload was begun."""
    seconds = row.lifetime_seconds
    return LinkOptions(
        lifetime=None if seconds is None else timedelta(seconds=seconds),
        max_downloads=row.max_downloads,
        password_hash=row.password_hash,
        note=row.note,
        owner_hash=row.owner_hash,
        owner_id=row.owner_id,
        is_private=row.is_private,
        custom_code=row.custom_code,
        sender_name=row.sender_name,
        shares=read_shares(row.grant_to, row.recipients),
    )


def options_of_bundle(rows: Sequence[PartialRecord]) -> LinkOptions:
    """Return what was chosen with the first upload of a bundle; a password with any of them."""
    options = options_of(rows[0])
    password_hash = next((row.password_hash for row in rows if row.password_hash), None)
    return replace(options, password_hash=password_hash)


def derived_owner_token(name_hash: str, secret: str) -> str:
    """Return the owner token of what a bundle or an upload was made into: 256 bits."""
    digest = hmac.new(secret.encode(), f"owner token{name_hash}".encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def join_if_due(
    driver: Driver, row: PartialRecord, code: str, *, terms: Terms, now: datetime
) -> NewLink | None:
    """Make the link that a complete upload was the last one for, within the caller's work.

    The caller holds the bundle. None when files are missing, or the client is to say when.
    """
    if row.is_part:
        return None
    if row.bundle_hash is None:
        return make_link(driver, [row], options_of(row), code, terms=terms, now=now)
    if row.bundle_files is None:
        return None
    if count_complete(driver, row.bundle_hash) != row.bundle_files:
        return None
    members = complete_among(read_members(driver, row.bundle_hash))
    return make_link(driver, members, options_of_bundle(members), code, terms=terms, now=now)


def complete_among(rows: Sequence[PartialRecord]) -> list[PartialRecord]:
    """Return those whose bytes are final."""
    return [row for row in rows if row.state == PartialState.COMPLETE]


def make_link(
    driver: Driver,
    rows: Sequence[PartialRecord],
    options: LinkOptions,
    code: str,
    *,
    terms: Terms,
    now: datetime,
) -> NewLink:
    """Write the link of these complete uploads, sorted by name, within the caller's work.

    They arrive side by side, so the order in which they were begun tells nothing.

    It has the code that the sender chose, if that is free still. Raises UploadHeld when one of
    them is being deleted just now.
    """
    owner_token = derived_owner_token(name_hash(rows[0]), terms.secret)
    rows = sorted(rows, key=lambda row: natural_order(row.filename))
    names = number_equal_names([row.filename for row in rows])
    draft = LinkRecord(
        id=0,
        code=_code_of(driver, options, code, now),
        created_at=now,
        expires_at=now + (options.lifetime or terms.limits.default_lifetime),
        max_downloads=options.max_downloads,
        download_count=0,
        password_hash=options.password_hash,
        owner_token_hash=token_hash(owner_token),
        note=options.note,
        state=LinkState.OPEN.value,
        files=[_file(row, name, now) for row, name in zip(rows, names, strict=True)],
        owner_id=options.owner_id,
        is_private=options.is_private,
    )
    link = _write(driver, draft, rows[0].file_request_id, options, terms, now)
    for row in rows:
        if not _JOIN.run(driver, row_id=row.id, new_link_id=link.id):
            raise UploadHeld
    count_upload(driver, terms.limits, draft.size_bytes, now)
    return NewLink(link, owner_token)


def _code_of(driver: Driver, options: LinkOptions, code: str, now: datetime) -> str:
    """Return the code that the sender chose, taken for good, if it is free; else the given one.

    One that somebody took meanwhile must not cost the sender the upload.
    """
    chosen = options.custom_code
    if chosen is None or is_taken(driver, chosen):
        return code
    take_code(driver, chosen, now)
    return chosen


def _write(
    driver: Driver,
    draft: LinkRecord,
    request_id: int | None,
    options: LinkOptions,
    terms: Terms,
    now: datetime,
) -> LinkRecord:
    """Write the rows of a link with those it is shared with, or of what a file request was sent."""
    limits = terms.limits
    if request_id is not None:
        return hand_in(driver, request_id, draft, options.sender, limits, now).link
    link = insert_link(driver, draft, options.owner_hash)
    insert_shares(options.shares, driver, link, code_length=limits.code_length, now=now)
    return link


def name_hash(row: PartialRecord) -> str:
    """Return the hash from which the owner token of its link is derived."""
    return row.bundle_hash or row.upload_hash


def link_of(row: PartialRecord, *, secret: str) -> NewLink | None:
    """Return the link that an upload was made into, and its owner token.

    The token is empty when it is not the link's: the key of the instance was changed since.
    """
    if row.link_id is None:
        return None
    with reading(db.engine) as driver:
        link = read_made_link(driver, row.link_id)
    return None if link is None else with_owner_token(link, row, secret=secret)


def with_owner_token(link: LinkRecord, row: PartialRecord, *, secret: str) -> NewLink:
    """Return the link with its owner token; see `link_of`."""
    token = derived_owner_token(name_hash(row), secret)
    is_right = hmac.compare_digest(token_hash(token), link.owner_token_hash)
    return NewLink(link, token if is_right else "")


def _file(row: PartialRecord, filename: str, now: datetime) -> FileRecord:
    assert row.length is not None
    assert row.sha256 is not None
    assert row.crc32 is not None
    return FileRecord(
        id=0,
        filename=filename,
        content_type=row.content_type or "application/octet-stream",
        size_bytes=row.length,
        sha256=row.sha256,
        crc32=row.crc32,
        storage_key=row.storage_key,
        created_at=now,
    )
