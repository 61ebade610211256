"""Submissions as the owner of a file request sees them: list, seen, delete."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Select, exists, func, select, update

from minifile.errors import NotFound
from minifile.extensions import db, write_transaction
from minifile.identity import Actor
from minifile.models import FileRequest, Link, Submission, Subscription, User
from minifile.notification_values import NotificationKind
from minifile.policy.names import FALLBACK_NAME, clean_filename, number_equal_names
from minifile.services.audit import record
from minifile.services.child_links import close_children, close_children_for_good
from minifile.services.links import lock_link
from minifile.services.records import read_made_link
from minifile.services.request_rows import RequestRecord
from minifile.services.statements import reading
from minifile.values import LinkRecord, LinkState

PAGE = 50


@dataclass(frozen=True, slots=True)
class SubmissionRecord:
    """A submission, as the owner sees it."""

    id: int
    number: int
    """Which one of its file request it is, from 1 on."""
    link: LinkRecord
    sender_name: str | None
    message: str | None
    created_at: datetime
    is_new: bool
    """Whether the owner has not seen it as it is now."""


@dataclass(frozen=True, slots=True)
class News:
    """What the owner of a file request is told: where, and of which one."""

    email: str
    title: str
    code: str


def list_submissions(
    request: RequestRecord, *, page: int | None, now: datetime
) -> list[SubmissionRecord]:
    """Return a page of the submissions, newest first, pages counted from 1, or all of them.

    One more than PAGE when there is a next page. Those whose link has ended are left out.
    """
    query = _live(request, now).order_by(Submission.id.desc())
    if page is not None:
        query = query.offset((page - 1) * PAGE).limit(PAGE + 1)
    rows = db.session.execute(query).all()
    with reading(db.engine) as driver:
        found = [(row, read_made_link(driver, row.link_id)) for row in rows]
    # A link without files is being purged just now.
    return [
        SubmissionRecord(
            id=row.id,
            number=row.number,
            link=link,
            sender_name=row.sender_name,
            message=row.message,
            created_at=row.created_at,
            is_new=row.seen_at is None,
        )
        for row, link in found
        if link is not None
    ]


def as_one_link(request: RequestRecord, submissions: Sequence[SubmissionRecord]) -> LinkRecord:
    """Return all files as those of one link, each submission in a folder of its own.

    The folder has the number of the submission and the sender's name. It is no link of the
    database: it serves to lay out the zip of them all.
    """
    ordered = sorted(submissions, key=lambda each: each.number)
    files = [
        replace(file, filename=f"{_folder(each)}/{file.filename}")
        for each in ordered
        for file in each.link.files
    ]
    names = number_equal_names([file.filename for file in files])
    return replace(
        ordered[0].link,
        id=0,
        code=request.code,
        files=[replace(file, filename=name) for file, name in zip(files, names, strict=True)],
        expires_at=min(each.link.expires_at for each in ordered),
    )


def _folder(submission: SubmissionRecord) -> str:
    words = re.sub(r"[/\\\s]+", " ", submission.sender_name or "")
    name = clean_filename(words)
    is_named = submission.sender_name is not None and name != FALLBACK_NAME
    return f"{submission.number:03} {name}" if is_named else f"{submission.number:03}"


def mark_seen(submissions: Sequence[SubmissionRecord], *, now: datetime) -> None:
    """Note that the owner has been shown these."""
    new = [each.id for each in submissions if each.is_new]
    if not new:
        return
    with write_transaction(durable=False) as session:
        session.execute(
            update(Submission)
            .where(Submission.id.in_(new))
            .values(seen_at=now)
            .execution_options(synchronize_session=False)
        )


def read_news(request_id: int, *, now: datetime) -> News | None:
    """Return what to write to the owner; None when more than one submission is unseen, or none.

    Of several the owner was told when the first came. None also without an e-mail address, and
    for an owner who has chosen a mail about each.
    """
    unseen = (
        select(func.count())
        .select_from(Submission)
        .join(Link, Link.id == Submission.link_id)
        .where(Submission.file_request_id == request_id, Submission.seen_at.is_(None))
        .where(Link.state == LinkState.OPEN, Link.expires_at > now)
    )
    query = (
        select(User.email, FileRequest.title, FileRequest.code)
        .join(FileRequest, FileRequest.owner_id == User.id)
        .where(FileRequest.id == request_id, User.disabled_at.is_(None))
        .where(
            ~exists().where(
                Subscription.user_id == User.id,
                Subscription.kind == NotificationKind.SUBMISSION,
                Subscription.webhook_id.is_(None),
            )
        )
    )
    found = db.session.execute(query).first()
    if found is None or found[0] is None or db.session.scalar(unseen) != 1:
        return None
    return News(found[0], found[1], found[2])


def delete_submission(
    request: RequestRecord, submission_id: int, *, actor: Actor, now: datetime
) -> None:
    """End a submission at once and for good; the purge deletes its bytes. Raises NotFound."""
    with write_transaction() as session:
        query = select(Submission.link_id).where(
            Submission.id == submission_id, Submission.file_request_id == request.id
        )
        link_id = session.scalar(query)
        if link_id is None:
            raise NotFound("This file request has no such submission.")
        link = lock_link(link_id)
        if link.state != LinkState.DELETING:
            link.state, link.closed_at, link.undo_until = LinkState.REVOKED, now, None
            close_children(session, link)
            close_children_for_good(session, link.id)
        record(session, actor, "submission.delete", submission_id, now=now)


def _live(request: RequestRecord, now: datetime) -> Select[Any]:
    number = func.row_number().over(order_by=Submission.id).label("number")
    numbered = (
        select(Submission.id, number).where(Submission.file_request_id == request.id).subquery()
    )
    return (
        select(
            Submission.id,
            numbered.c.number,
            Submission.link_id,
            Submission.sender_name,
            Submission.message,
            Submission.created_at,
            Submission.seen_at,
        )
        .join(numbered, numbered.c.id == Submission.id)
        .join(Link, Link.id == Submission.link_id)
        .where(Link.state == LinkState.OPEN, Link.expires_at > now)
    )
