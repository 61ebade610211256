"""Bundles: uploads that will be files of one link; who may come in, and how one is finished."""

from collections.abc import Callable, Sequence
from datetime import datetime

from minifile.codes import token_hash
from minifile.errors import (
    BadOption,
    Conflict,
    ContentBlocked,
    NotFound,
    UploadExpired,
    UploadNotReady,
)
from minifile.extensions import db
from minifile.policy.access import check_open
from minifile.policy.limits import check_file_count, check_link_size
from minifile.services.bundle_rows import BundleSize, hold_bundle, keep_bundle, size_of_bundle
from minifile.services.completing import continue_completing
from minifile.services.joining import (
    LinkOptions,
    complete_among,
    make_link,
    options_of_bundle,
    with_owner_token,
)
from minifile.services.new_links import commit_with_code
from minifile.services.new_shares import Shares, find_shares
from minifile.services.partial_record import PartialRecord
from minifile.services.partials import Terms, discard, mark_deleting, read_members
from minifile.services.passwords import hash_password
from minifile.services.rate_limits import UNKNOWN_CODES, UPLOADS
from minifile.services.records import read_made_link
from minifile.services.request_rows import take_room
from minifile.services.statements import Driver, reading
from minifile.services.uploads import NewLink, check_options
from minifile.values import Limits, PartialState, UploadOptions, Visitor


def check_bundle(
    driver: Driver,
    bundle_hash: str,
    bundle_files: int | None,
    length: int | None,
    owner_id: int | None,
    file_request_id: int | None,
    limits: Limits,
) -> BundleSize:
    """Judge what a bundle becomes with one more upload of this length; return what it is now.

    Raises TooLarge; BadOption when its uploads contradict one another; Conflict when its link
    has been made.
    """
    bundle = size_of_bundle(driver, bundle_hash)
    if bundle.link_id is not None:
        raise Conflict("The link of this bundle has been made. Begin another bundle.")
    if bundle.files and bundle.bundle_files != bundle_files:
        raise BadOption("All files of a bundle must name the same bundle_files.")
    sent_by_another = (bundle.owner_id, bundle.file_request_id) != (owner_id, file_request_id)
    if bundle.files and sent_by_another:
        raise Conflict("Another sender has begun this bundle. Begin another one.")
    check_file_count(max(bundle.files + 1, bundle_files or 1), limits)
    check_link_size(bundle.size_bytes + (length or 0), limits)
    return bundle


def enter(driver: Driver, row: PartialRecord, terms: Terms, now: datetime) -> BundleSize | None:
    """Let an upload into its bundle and its file request, within the work that writes its row.

    Returns what its bundle was; None for one that is in none.
    """
    bundle = None
    if row.bundle_hash is not None:
        hold_bundle(driver, row.bundle_hash)
        said = row.bundle_files, row.length, row.owner_id, row.file_request_id
        bundle = check_bundle(driver, row.bundle_hash, *said, terms.limits)
        keep_bundle(driver, row.bundle_hash, terms.lifetime, now)
    if row.file_request_id is not None:
        take_room(driver, row.file_request_id, 1, row.length or 0, now)
    return bundle


def finish_bundle(
    bundle: str,
    files: int,
    options: UploadOptions,
    visitor: Visitor,
    *,
    terms: Terms,
    now: Callable[[], datetime],
) -> NewLink:
    """Make the link of a bundle's `files` complete uploads, or say again which it was.

    `options` win over those that came with the uploads. What is not complete besides those is
    deleted. Raises NotFound, UploadExpired, BadOption, UploadNotReady.
    """
    bundle_hash = token_hash(bundle)
    shares = find_shares(options, visitor.account, rates=terms.rates)
    members = members_of(bundle_hash, visitor, terms, now())
    terms = terms.of(members[0])
    check_options(options, limits=terms.limits)
    complete_what_is_full(members, visitor, terms, now)
    password_hash = None if options.password is None else hash_password(options.password)
    dropped: list[PartialRecord] = []

    def work(driver: Driver, code: str) -> tuple[NewLink, bool]:
        dropped.clear()
        hold_bundle(driver, bundle_hash)
        members = read_members(driver, bundle_hash)
        made = _made(driver, members, terms, now())
        if made is not None:
            return made, False
        complete = ready_among(members, files, visitor, terms)
        chosen = _chosen(complete, options, password_hash, visitor, shares)
        dropped.extend(row for row in members if row.state != PartialState.COMPLETE)
        for row in dropped:
            mark_deleting(driver, row)
        return make_link(driver, complete, chosen, code, terms=terms, now=now()), True

    try:
        new_link, is_new = commit_with_code(work, code_length=terms.limits.code_length)
    except ContentBlocked:
        for row in members:
            discard(row, storage=terms.storage)
        raise
    if is_new:
        terms.rates.count(UPLOADS, visitor.rate_address)
    for row in dropped:
        discard(row, storage=terms.storage)
    return new_link


def members_of(
    bundle_hash: str,
    visitor: Visitor,
    terms: Terms,
    now: datetime,
    *,
    file_request_id: int | None = None,
) -> list[PartialRecord]:
    """Return the uploads of a bundle that were begun for this purpose.

    Raises NotFound, TooManyTries, and UploadExpired when all have expired.
    """
    with reading(db.engine) as driver:
        members = read_members(driver, bundle_hash)
    if not members or any(row.file_request_id != file_request_id for row in members):
        # What was sent to a file request can't be made a link of one's own.
        terms.rates.check(UNKNOWN_CODES, visitor.rate_address)
        terms.rates.count(UNKNOWN_CODES, visitor.rate_address)
        raise NotFound("There is no such bundle. It may have expired; upload the files anew.")
    if all(row.is_expired(now) for row in members):
        raise UploadExpired
    return members


def complete_what_is_full(
    members: Sequence[PartialRecord],
    visitor: Visitor,
    terms: Terms,
    now: Callable[[], datetime],
) -> None:
    """Complete those that a crash has left full."""
    for row in members:
        if row.state == PartialState.OPEN and (row.is_full or row.is_final):
            continue_completing(row, address=visitor.rate_address, terms=terms, now=now)


def _made(
    driver: Driver, members: Sequence[PartialRecord], terms: Terms, now: datetime
) -> NewLink | None:
    """Return the link that was made before, with the same owner token as then."""
    joined = next((row for row in members if row.link_id is not None), None)
    if joined is None or joined.link_id is None:
        return None
    link = read_made_link(driver, joined.link_id)
    if link is None:
        raise NotFound("The link of this bundle was deleted.")
    check_open(link, now)
    made = with_owner_token(link, joined, secret=terms.secret)
    if not made.owner_token:
        raise Conflict("The link of this bundle was made before the server's key was changed.")
    return made


def ready_among(
    members: Sequence[PartialRecord], files: int, visitor: Visitor, terms: Terms
) -> list[PartialRecord]:
    """Return the complete ones. Raises UploadNotReady unless there are so many, TooManyTries."""
    complete = complete_among(members)
    if len(complete) != files:
        raise UploadNotReady(len(complete), files)
    terms.rates.check(UPLOADS, visitor.rate_address)
    return complete


def _chosen(
    rows: Sequence[PartialRecord],
    options: UploadOptions,
    password_hash: str | None,
    visitor: Visitor,
    shares: Shares,
) -> LinkOptions:
    """Return what the link will be like: what was chosen now, else with the uploads."""
    before = options_of_bundle(rows)
    owner_hash = before.owner_hash
    if visitor.browser is not None and before.owner_id is None:
        owner_hash = token_hash(visitor.browser)
    return LinkOptions(
        lifetime=options.lifetime or before.lifetime,
        max_downloads=options.max_downloads or before.max_downloads,
        password_hash=password_hash or before.password_hash,
        note=options.note or before.note,
        owner_hash=owner_hash,
        owner_id=before.owner_id,
        is_private=options.is_private or before.is_private,
        custom_code=options.custom_code or before.custom_code,
        shares=shares if shares.is_anybody else before.shares,
    )
