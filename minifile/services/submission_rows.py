"""Submissions as rows: files become one, or join the one that their sender has just made."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import bindparam, func, insert, select, update

from minifile.codes import new_token, token_hash
from minifile.errors import LinkGone
from minifile.models import File, Link, Slot, Submission
from minifile.notification_values import NotificationKind
from minifile.policy.file_requests import ADDED_WITHIN
from minifile.policy.names import number_equal_names
from minifile.services.new_links import insert_file, insert_link
from minifile.services.notifications import notify
from minifile.services.records import read_made_link
from minifile.services.request_rows import RequestRecord, hold_request
from minifile.services.statements import Driver, Statement, given
from minifile.services.told_files import told_files
from minifile.services.visits import note_upload
from minifile.values import FileRecord, Limits, LinkRecord, LinkState

_MINE = Statement(
    select(Submission.id, Submission.link_id, Submission.open_until)
    .join(Link, Link.id == Submission.link_id)
    .where(
        Submission.file_request_id == bindparam("request_id"),
        Submission.sender_hash == bindparam("sender_hash"),
        Submission.open_until > bindparam("at"),
        Link.state == LinkState.OPEN.value,
        Link.expires_at > bindparam("at"),
    )
    .order_by(Submission.id.desc())
    .limit(1)
)
_INSERT = Statement(
    insert(Submission)
    .values(
        **given(
            *("link_id", "file_request_id", "sender_hash", "sender_name", "message"),
            *("created_at", "open_until"),
        )
    )
    .returning(Submission.id)
)
_SAY_MORE = Statement(
    update(Submission)
    .where(Submission.id == bindparam("submission_id"))
    .values(
        seen_at=None,
        sender_name=func.coalesce(bindparam("new_name"), Submission.sender_name),
        message=func.coalesce(bindparam("new_message"), Submission.message),
    )
)
_HOLD_LINK = Statement(select(Link.id).where(Link.id == bindparam("link_id")).with_for_update())
_LAST = Statement(select(func.max(File.position)).where(File.link_id == bindparam("link_id")))
_REOPEN = Statement(
    update(Slot)
    .where(
        Slot.link_id == bindparam("link"), Slot.ended_at.is_(None), Slot.completed_at.is_not(None)
    )
    .values(completed_at=None)
)


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sends to a file request: the hash of what proves to be the same, and what they say."""

    sender_hash: str | None
    name: str | None = None
    message: str | None = None
    adds: bool = False
    """Whether nothing but adding is meant: what was given is the token of a submission."""


@dataclass(frozen=True, slots=True)
class OpenSubmission:
    """A submission that its sender may still add files to, until `open_until`."""

    id: int
    link_id: int
    open_until: datetime


@dataclass(frozen=True, slots=True)
class HandedIn:
    """What was handed in: the submission's link with all its files, and which of them are new."""

    link: LinkRecord
    files: Sequence[FileRecord]
    open_until: datetime
    is_new: bool
    """Whether it was the first of its submission."""


def find_own(
    driver: Driver, request_id: int, sender_hash: str | None, now: datetime
) -> OpenSubmission | None:
    """Return the newest submission that the sender may still add files to."""
    if sender_hash is None:
        return None
    rows = _MINE.run(driver, request_id=request_id, sender_hash=sender_hash, at=now)
    return OpenSubmission(*rows[0]) if rows else None


def hand_in(
    driver: Driver,
    request_id: int,
    draft: LinkRecord,
    sender: Sender,
    limits: Limits,
    now: datetime,
) -> HandedIn:
    """Write the files of `draft` into the sender's open submission, or make a new one of it.

    Within the caller's work; it holds the file request. Raises LinkGone, also for who brings the
    token of a submission that is over, or never was.
    """
    request = hold_request(driver, request_id, now)
    # Nobody has the token of its owner, who proves to be that by the account.
    draft = replace(
        draft,
        owner_token_hash=token_hash(new_token()),
        owner_id=request.owner_id,
        is_private=True,
        password_hash=None,
        max_downloads=None,
        note=None,
    )
    own = find_own(driver, request_id, sender.sender_hash, now)
    if own is None and sender.adds:
        raise LinkGone(
            "Nothing can be added to this submission any more."
            " Send the file without its token, as a new one."
        )
    added = None if own is None else _add(driver, own, draft, sender, limits, now)
    return added or _make(driver, request, draft, sender, now)


def _make(
    driver: Driver, request: RequestRecord, draft: LinkRecord, sender: Sender, now: datetime
) -> HandedIn:
    link = insert_link(driver, draft, None)
    open_until = now + ADDED_WITHIN
    rows = _INSERT.run(
        driver,
        link_id=link.id,
        file_request_id=request.id,
        sender_hash=sender.sender_hash,
        sender_name=sender.name,
        message=sender.message,
        created_at=now,
        open_until=open_until,
    )
    _tell_owner(driver, rows[0][0], request, link, sender, now)
    return HandedIn(link, link.files, open_until, is_new=True)


def _tell_owner(
    driver: Driver,
    submission_id: int,
    request: RequestRecord,
    link: LinkRecord,
    sender: Sender,
    now: datetime,
) -> None:
    """Tell the owner of a new submission, once, however many files come after the first."""
    notify(
        driver,
        kind=NotificationKind.SUBMISSION,
        key=f"submission:{submission_id}",
        user_id=request.owner_id,
        link_id=link.id,
        payload={
            "title": request.title,
            "request_code": request.code,
            "sender_name": sender.name,
            **told_files(link.files),
        },
        now=now,
    )


def _add(
    driver: Driver,
    own: OpenSubmission,
    draft: LinkRecord,
    sender: Sender,
    limits: Limits,
    now: datetime,
) -> HandedIn | None:
    """Put files behind those of a submission; None where they do not go together in one link."""
    _HOLD_LINK.run(driver, link_id=own.link_id)
    link = read_made_link(driver, own.link_id)
    if link is None or link.state != LinkState.OPEN:
        return None
    fits = len(link.files) + len(draft.files) <= limits.max_link_files
    names = _names_behind(link.files, draft.files)
    if not fits or link.size_bytes + draft.size_bytes > limits.max_link_size or names is None:
        return None
    last = _LAST.run(driver, link_id=link.id)[0][0]
    added = [
        insert_file(driver, link.id, last + at, replace(file, filename=name, created_at=now))
        for at, (file, name) in enumerate(zip(draft.files, names, strict=True), start=1)
    ]
    size_bytes = sum(file.size_bytes for file in added)
    note_upload(driver, link.id, links=0, files=len(added), size_bytes=size_bytes, now=now)
    _REOPEN.run(driver, link=link.id)
    _SAY_MORE.run(driver, submission_id=own.id, new_name=sender.name, new_message=sender.message)
    whole = replace(link, files=[*link.files, *added])
    return HandedIn(whole, added, own.open_until, is_new=False)


def _names_behind(there: Sequence[FileRecord], more: Sequence[FileRecord]) -> Sequence[str] | None:
    """Return names for more files; None when one there would have the name of a new folder."""
    old = [file.filename for file in there]
    names = number_equal_names([*old, *(file.filename for file in more)])
    return names[len(old) :] if names[: len(old)] == old else None
