"""Submissions: what strangers hand in at a file request, and what its owner sees of it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import bindparam, select

from minifile.codes import token_hash
from minifile.errors import LinkGone, NotFound
from minifile.extensions import db, release_connection
from minifile.models import Submission
from minifile.policy.file_requests import check_sender
from minifile.services.answering import check_answer, owners_quota_untold
from minifile.services.bundle_rows import hold_bundle
from minifile.services.bundles import complete_what_is_full, members_of, ready_among
from minifile.services.joining import LinkOptions, make_link, options_of_bundle
from minifile.services.new_links import commit_with_code
from minifile.services.partial_record import PartialRecord
from minifile.services.partials import Terms, discard, mark_deleting, read_members
from minifile.services.rate_limits import UPLOADS, RateLimits
from minifile.services.records import read_made_link
from minifile.services.request_rows import RequestRecord, take_room
from minifile.services.reservations import reserving
from minifile.services.statements import Driver, Statement, reading
from minifile.services.storing import Incoming, Rules, store_files
from minifile.services.submission_rows import HandedIn, Sender, find_own, hand_in
from minifile.services.uploads import check_upload, with_names_that_differ
from minifile.storage import Storage
from minifile.values import (
    FileRecord,
    Limits,
    LinkRecord,
    LinkState,
    PartialState,
    Visitor,
)

_OPEN_UNTIL = Statement(
    select(Submission.open_until).where(Submission.link_id == bindparam("link_id"))
)


@dataclass(frozen=True, slots=True)
class OwnSubmission:
    """What a sender has just handed in, as they see it themselves."""

    files: Sequence[FileRecord]
    open_until: datetime


def receive_submission(
    request: RequestRecord,
    files: Iterator[Incoming],
    read_sender: Callable[[], Sender],
    visitor: Visitor,
    *,
    declared_bytes: int | None,
    overhead_bytes: int = 0,
    rates: RateLimits,
    limits: Limits,
    storage: Storage,
    now: Callable[[], datetime],
) -> HandedIn:
    """Store what a stranger sends and hand it in. `visitor` has the owner's right to upload.

    As of every upload: bytes first, then rows, and whatever is refused leaves nothing. The room
    that the file request has is judged before a byte is read, and once more, exactly, in the
    transaction that writes the rows. `read_sender` is asked after the last file.
    """
    with owners_quota_untold():
        least = max(0, (declared_bytes or 0) - overhead_bytes)
        check_answer(request, 1, least, now())
        check_upload(least, visitor, rates=rates, limits=limits, storage=storage)
        release_connection()
        room = reserving(limits, declared_bytes, overhead_bytes=overhead_bytes, now=now)
        with room as reserved, storage.batch() as batch:
            rules = Rules(limits, storage, None, reserved, declared_bytes)
            coming = _with_room(files, request, now)
            stored = with_names_that_differ(store_files(coming, batch, rules))
            sender = read_sender()
            check_sender(sender.name, sender.message)
            draft = _draft(stored, limits, now())

            def work(driver: Driver, code: str) -> HandedIn:
                take_room(driver, request.id, len(stored), draft.size_bytes, now())
                whole = replace(draft, code=code)
                handed_in = hand_in(driver, request.id, whole, sender, limits, now())
                reserved.settle(driver, draft.size_bytes)
                # From here on a failed commit must not take the bytes: it may have happened.
                batch.keep()
                return handed_in

            handed_in = commit_with_code(work, code_length=limits.code_length)
            reserved.is_settled = True
    rates.count(UPLOADS, visitor.rate_address)
    return handed_in


def finish_submission(
    request: RequestRecord,
    bundle: str,
    files: int,
    sender: Sender,
    visitor: Visitor,
    *,
    terms: Terms,
    now: Callable[[], datetime],
) -> HandedIn:
    """Hand in a bundle's `files` complete uploads, or say again what was handed in.

    What is not complete besides those is deleted, and all of it where the file request has ended
    meanwhile. Raises NotFound, UploadExpired, UploadNotReady, LinkGone.
    """
    check_sender(sender.name, sender.message)
    bundle_hash = token_hash(bundle)
    members = members_of(bundle_hash, visitor, terms, now(), file_request_id=request.id)
    dropped: list[PartialRecord] = []

    def work(driver: Driver, code: str) -> tuple[HandedIn, bool]:
        dropped.clear()
        hold_bundle(driver, bundle_hash)
        members = read_members(driver, bundle_hash)
        link_id = next((row.link_id for row in members if row.link_id is not None), None)
        if link_id is not None:
            return _handed_in(driver, link_id, files), False
        complete = ready_among(members, files, visitor, terms)
        dropped.extend(row for row in members if row.state != PartialState.COMPLETE)
        for row in dropped:
            mark_deleting(driver, row)
        options = _said_at_last(complete, sender)
        made = make_link(driver, complete, options, code, terms=terms, now=now())
        return _handed_in(driver, made.link.id, files), True

    try:
        complete_what_is_full(members, visitor, terms, now)
        handed_in, is_new = commit_with_code(work, code_length=terms.limits.code_length)
    except LinkGone:
        for row in members:
            discard(row, storage=terms.storage)
        raise
    if is_new:
        terms.rates.count(UPLOADS, visitor.rate_address)
    for row in dropped:
        discard(row, storage=terms.storage)
    return handed_in


def _said_at_last(rows: Sequence[PartialRecord], sender: Sender) -> LinkOptions:
    """Return what was said with the uploads, and what wins over it."""
    before = options_of_bundle(rows)
    return replace(
        before,
        owner_hash=sender.sender_hash or before.owner_hash,
        adds=sender.adds,
        sender_name=sender.name or before.sender_name,
        note=sender.message or before.note,
    )


def find_own_submission(
    request: RequestRecord, sender_hash: str | None, *, now: datetime
) -> OwnSubmission | None:
    """Return what this sender may still add files to, with what it holds; None for nothing."""
    with reading(db.engine) as driver:
        own = find_own(driver, request.id, sender_hash, now)
        link = None if own is None else read_made_link(driver, own.link_id)
    if own is None or link is None:
        return None
    return OwnSubmission(link.files, own.open_until)


def _with_room(
    files: Iterator[Incoming], request: RequestRecord, now: Callable[[], datetime]
) -> Iterator[Incoming]:
    """Pass files on, each judged before a byte of it is read."""
    for count, incoming in enumerate(files, start=1):
        check_answer(request, count, incoming.size_bytes or 0, now())
        yield incoming


def _draft(files: Sequence[FileRecord], limits: Limits, now: datetime) -> LinkRecord:
    """Return the link as it will be where it is not joined to another; `hand_in` says whose."""
    return LinkRecord(
        id=0,
        code="",
        created_at=now,
        expires_at=now + limits.max_lifetime,
        max_downloads=None,
        download_count=0,
        password_hash=None,
        owner_token_hash="",
        note=None,
        state=LinkState.OPEN.value,
        files=files,
    )


def _handed_in(driver: Driver, link_id: int, files: int) -> HandedIn:
    """Return what was handed in last at the submission of a link."""
    link = read_made_link(driver, link_id)
    if link is None:
        raise NotFound("This submission was deleted.")
    open_until = _OPEN_UNTIL.run(driver, link_id=link_id)[0][0]
    return HandedIn(link, link.files[-files:], open_until, is_new=len(link.files) == files)
