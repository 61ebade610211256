"""Resumable uploads from the outside: begin one, look at one, end one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from minifile.codes import new_key, new_token, token_hash
from minifile.errors import BadRequest, Conflict, NotFound, TooLarge, TypeRefused
from minifile.extensions import db, release_connection
from minifile.policy.limits import check_file_size, check_link_size, check_space
from minifile.policy.names import clean_path
from minifile.policy.types import check_named_type
from minifile.services.answering import Answer
from minifile.services.bundle_rows import BundleSize
from minifile.services.bundles import check_bundle, enter
from minifile.services.commits import commit
from minifile.services.completing import continue_completing
from minifile.services.custom_codes import check_free
from minifile.services.joining import Progress
from minifile.services.new_links import noticing_deletion
from minifile.services.new_shares import Shares, check_owned, find_shares
from minifile.services.partial_record import PartialRecord
from minifile.services.partials import Terms, discard, find_partial, insert_partial
from minifile.services.passwords import hash_password
from minifile.services.quotas import check_fits
from minifile.services.rate_limits import PARTIAL_UPLOADS, UPLOADS
from minifile.services.receiving import Part, receive
from minifile.services.statements import Driver, reading
from minifile.services.takeover import freed
from minifile.services.uploads import check_may_upload, check_options
from minifile.services.whole import store_whole
from minifile.values import PartialState, UploadOptions, Visitor


@dataclass(frozen=True, slots=True)
class Draft:
    """What a client says of the upload that it begins."""

    length: int | None
    """In bytes; None when it is said later."""
    filename: str
    declared_type: str | None
    metadata_text: str | None
    """What it may have back."""
    options: UploadOptions
    bundle: str | None = None
    bundle_files: int | None = None
    concat: str | None = None
    part_ids: Sequence[str] | None = None
    """What a final upload is made of."""
    answers: Answer | None = None
    """The file request that it is sent to."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A new upload: the secret part of its address, and how far it has come."""

    upload_id: str
    progress: Progress


_EMPTY = BundleSize(0, 0, None, None, None, None, None)


def begin_upload(
    draft: Draft,
    part: Part | None,
    visitor: Visitor,
    *,
    terms: Terms,
    now: Callable[[], datetime],
) -> Begun:
    """Begin an upload, with its first bytes if the client sends them along.

    All is judged before a byte is read. When the request fails nothing is left of the upload:
    the client has never learned its address.
    """
    upload_id = new_token()
    parts = [_part(each, visitor, terms, now()) for each in draft.part_ids or ()]
    if draft.part_ids is not None:
        draft = replace(draft, length=sum(part.length or 0 for part in parts))
    bundle = _check(draft, part, visitor, terms)
    shares = find_shares(draft.options, visitor.account, rates=terms.rates)
    row = _row(draft, upload_id, parts, bundle, shares, visitor, terms, now())
    check_owned(row)
    terms.rates.count(PARTIAL_UPLOADS, visitor.rate_address)
    release_connection()
    if _comes_whole(draft, part):
        progress = store_whole(row, part, bundle, visitor, terms=terms, now=now)
        return Begun(upload_id, progress)
    row = _save(row, terms, now(), durable=part is None)
    return Begun(upload_id, _go_on(row, part, visitor, terms, now))


def look_at(
    upload_id: str, visitor: Visitor, *, terms: Terms, now: Callable[[], datetime]
) -> Progress:
    """Say how far an upload has come, once no older request writes to it any more.

    One that a crash has left full is completed first. Raises NotFound, UploadExpired, UploadHeld.
    """
    row = find_partial(upload_id, visitor, rates=terms.rates, now=now())
    if not row.is_full and not row.is_final:
        row = freed(row, storage=terms.storage)
    return continue_completing(row, address=visitor.rate_address, terms=terms, now=now)


def _part(upload_id: str, visitor: Visitor, terms: Terms, now: datetime) -> PartialRecord:
    """Return an upload that another one is to be made of."""
    try:
        part = find_partial(upload_id, visitor, rates=terms.rates, now=now)
    except NotFound:
        raise BadRequest("Upload-Concat names an upload that is not there.") from None
    if not part.is_part:
        raise BadRequest("Upload-Concat names an upload that is no part.")
    if part.state != PartialState.COMPLETE:
        raise Conflict("A part of this upload is not complete.")
    return part


def _check(draft: Draft, part: Part | None, visitor: Visitor, terms: Terms) -> BundleSize:
    """Judge what is to be uploaded; return how much of its bundle there is."""
    limits = terms.limits
    check_may_upload(visitor.account, limits)
    terms.rates.check(PARTIAL_UPLOADS, visitor.rate_address)
    terms.rates.check(UPLOADS, visitor.rate_address)
    check_options(draft.options, limits=limits)
    if draft.options.custom_code is not None:
        check_free(draft.options.custom_code)
    most = limits.max_file_size if draft.length is None else draft.length
    declared = max(draft.length or 0, (part and part.size_bytes) or 0)
    check_file_size(declared, limits)
    check_link_size(declared, limits)
    if part is not None and (part.size_bytes or 0) > most:
        raise TooLarge(f"The part is too large: the upload has {most} bytes.")
    check_space(declared, terms.storage.free_bytes(), limits)
    if draft.concat == "partial":
        return _EMPTY
    check_named_type(clean_path(draft.filename), limits)
    if draft.bundle is None:
        return _EMPTY
    with reading(db.engine) as driver:
        return check_bundle(
            driver,
            token_hash(draft.bundle),
            draft.bundle_files,
            draft.length,
            None if visitor.account is None else visitor.account.id,
            None if draft.answers is None else draft.answers.request_id,
            limits,
        )


def _comes_whole(draft: Draft, part: Part | None) -> bool:
    """Say whether the one request brings all, so that it is a file when its row is written."""
    if draft.concat is not None or draft.length is None:
        return False
    return draft.length == (0 if part is None else part.size_bytes)


def _row(
    draft: Draft,
    upload_id: str,
    parts: Sequence[PartialRecord],
    bundle: BundleSize,
    shares: Shares,
    visitor: Visitor,
    terms: Terms,
    now: datetime,
) -> PartialRecord:
    options = draft.options
    grant_to, recipients = shares.words
    is_part = draft.concat == "partial"
    return PartialRecord(
        id=0,
        upload_hash=token_hash(upload_id),
        bundle_hash=None if draft.bundle is None or is_part else token_hash(draft.bundle),
        bundle_files=None if is_part else draft.bundle_files,
        owner_hash=_browser_hash(draft, visitor),
        state=PartialState.OPEN.value,
        length=draft.length,
        offset=0,
        concat=draft.concat,
        parts=",".join(str(part.id) for part in parts) if parts else None,
        filename=clean_path(draft.filename),
        declared_type=(draft.declared_type or "")[:255].replace("\0", "") or None,
        metadata_text=draft.metadata_text,
        lifetime_seconds=_seconds(options),
        max_downloads=options.max_downloads,
        password_hash=None if is_part else _password_hash(options, bundle),
        note=options.note or None,
        storage_key=new_key(),
        writer=None,
        content_type=None,
        sha256=None,
        crc32=None,
        created_at=now,
        expires_at=now + terms.lifetime,
        completed_at=None,
        link_id=None,
        owner_id=None if visitor.account is None else visitor.account.id,
        is_private=options.is_private,
        custom_code=options.custom_code,
        file_request_id=None if draft.answers is None else draft.answers.request_id,
        sender_name=None if draft.answers is None else draft.answers.sender.name,
        grant_to=grant_to,
        recipients=recipients,
    )


def _password_hash(options: UploadOptions, bundle: BundleSize) -> str | None:
    """Return the bundle's: only one password of a bundle counts, and hashing takes long."""
    if options.password is None or bundle.password_hash is not None:
        return bundle.password_hash
    return hash_password(options.password)


def _browser_hash(draft: Draft, visitor: Visitor) -> str | None:
    """Return who will own the link besides the user, if there is one: see `receive_upload`.

    Of what is sent to a file request it is who may add to it.
    """
    if draft.answers is not None:
        return draft.answers.sender.sender_hash
    if visitor.browser is None or visitor.account is not None:
        return None
    return token_hash(visitor.browser)


def _seconds(options: UploadOptions) -> int | None:
    return None if options.lifetime is None else int(options.lifetime.total_seconds())


def _save(row: PartialRecord, terms: Terms, now: datetime, *, durable: bool) -> PartialRecord:
    def work(driver: Driver) -> int:
        is_link = row.concat != "partial"
        bundle = enter(driver, row, terms, now)
        if bundle is not None:
            is_link = not bundle.files
        if not row.is_final:
            check_fits(driver, terms.limits, row.length or 0, int(is_link), now)
        return insert_partial(driver, row)

    with noticing_deletion():
        return replace(row, id=commit(work, durable=durable))


def _go_on(
    row: PartialRecord,
    part: Part | None,
    visitor: Visitor,
    terms: Terms,
    now: Callable[[], datetime],
) -> Progress:
    """Take the first bytes, or put the parts together; what fails leaves nothing."""
    try:
        if row.is_final:
            return continue_completing(row, address=visitor.rate_address, terms=terms, now=now)
        if part is not None:
            return receive(row, part, visitor, terms=terms, now=now)
    except TypeRefused:
        raise
    except BaseException:
        discard(row, storage=terms.storage)
        raise
    return Progress(row)
