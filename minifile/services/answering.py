"""Answering a file request: who sends, as whom it counts, and what is judged besides."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime

from minifile.errors import LinkGone, NotFound, QuotaExceeded
from minifile.extensions import db
from minifile.identity import Account, Scope
from minifile.policy.file_requests import check_room
from minifile.services.partial_record import PartialRecord
from minifile.services.partials import Terms, discard
from minifile.services.request_rows import (
    RequestRecord,
    check_request_taking,
    read_request_of,
    read_room,
)
from minifile.services.statements import reading
from minifile.services.submission_rows import Sender
from minifile.values import Limits, PartialState, Visitor


@dataclass(frozen=True, slots=True)
class Answer:
    """Which file request an upload is sent to, and by whom."""

    request_id: int
    sender: Sender


def owner_account(request: RequestRecord) -> Account:
    """Return the owner, as who sends: all that arrives is theirs and counts on their quota."""
    return Account(request.owner_id, "", request.owner_role, frozenset({Scope.UPLOAD}))


def as_owner(request: RequestRecord, visitor: Visitor) -> Visitor:
    """Return the visitor with the owner's right to upload, and with nothing of their own."""
    return replace(
        visitor, browser=None, password=None, owner_token=None, account=owner_account(request)
    )


def limits_in(request: RequestRecord, limits: Limits) -> Limits:
    """Return the limits of the owner, narrowed to what the file request takes."""
    sizes = filter(None, (limits.max_file_size, request.max_file_size, request.max_size))
    return replace(
        limits,
        max_file_size=min(sizes, default=0),
        max_link_size=min(limits.max_link_size, request.max_size or limits.max_link_size),
        max_link_files=min(limits.max_link_files, request.max_files or limits.max_link_files),
        requested_types=request.allowed_types,
    )


def terms_of_upload(row: PartialRecord, terms: Terms, now: datetime) -> Terms:
    """Return the terms for an upload that was begun: the owner's, and those of its file request.

    Deletes one whose file request has ended meanwhile. Raises LinkGone.
    """
    if row.file_request_id is None:
        return terms.of(row)
    with reading(db.engine) as driver:
        request = read_request_of(driver, row.file_request_id)
    if request is None:
        raise NotFound("The file request of this upload is not there any more.")
    if row.state == PartialState.OPEN:
        _check_taking(request, row, terms, now)
    terms = terms.of(row)
    return replace(terms, limits=replace(terms.limits, requested_types=request.allowed_types))


def _check_taking(request: RequestRecord, row: PartialRecord, terms: Terms, now: datetime) -> None:
    try:
        check_request_taking(request, now)
    except LinkGone:
        discard(row, storage=terms.storage)
        raise


def check_answer(request: RequestRecord, files: int, size_bytes: int, now: datetime) -> None:
    """Judge, before a byte is read, whether so much has room. Raises TooLarge."""
    check_room(read_room(request, now), files, size_bytes)


@contextmanager
def owners_quota_untold() -> Iterator[None]:
    """Say of a full quota only that there is no room: its numbers are not the sender's business."""
    try:
        yield
    except QuotaExceeded:
        raise QuotaExceeded(
            "Whoever asks for these files has no room left for them just now. Tell them so."
        ) from None
