"""File requests as their owner sees them: make one, find one, change one, close one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from minifile.codes import new_code
from minifile.errors import Conflict, LinkNotFound
from minifile.extensions import db, write_transaction
from minifile.identity import Account, Actor
from minifile.models import FileRequest, Link, RequestAccess, Submission
from minifile.policy.file_requests import (
    check_request_lifetime,
    check_request_limits,
    check_text,
    check_title,
    check_types,
)
from minifile.policy.limits import check_password
from minifile.services.audit import record
from minifile.services.passwords import hash_password
from minifile.services.rate_limits import UNKNOWN_CODES, RateLimits
from minifile.services.request_rows import RequestRecord, read_request
from minifile.values import LinkState

PAGE = 50


@dataclass(frozen=True, slots=True)
class RequestFields:
    """What an owner asks for. Sizes in bytes; None: no limit, and lifetime and password as is."""

    title: str
    text: str | None = None
    allowed_types: Sequence[str] = ()
    max_files: int | None = None
    max_file_size: int | None = None
    max_size: int | None = None
    lifetime: timedelta | None = None
    """Counted from now."""
    password: str | None = None
    remove_password: bool = False
    asks_who: bool = False


@dataclass(frozen=True, slots=True)
class OwnRequest:
    """A file request in its owner's list."""

    code: str
    title: str
    created_at: datetime
    expires_at: datetime
    standing: str
    """`open`, `closed` or `expired`."""
    submissions: int
    new: int
    """Submissions that the owner has not seen as they are now."""


def create_request(
    fields: RequestFields, account: Account, *, actor: Actor, code_length: int, now: datetime
) -> str:
    """Make a file request and return its code. Raises BadOption."""
    _check(fields)
    password_hash = None if fields.password is None else hash_password(fields.password)
    while True:
        row = FileRequest(
            code=new_code(code_length),
            owner_id=account.id,
            created_at=now,
            password_hash=password_hash,
            expires_at=now + (fields.lifetime or timedelta(days=7)),
        )
        _write(row, fields)
        try:
            with write_transaction() as session:
                session.add(row)
                session.flush()
                record(session, actor, "request.create", row.id, now=now)
        except IntegrityError as error:
            if "code" not in str(error.orig):
                raise
        else:
            return row.code


def find_own_request(
    code: str, account: Account, address: str, *, rates: RateLimits
) -> RequestRecord:
    """Return the file request of this user, in whatever state.

    Somebody else's looks like none: LinkNotFound, which is counted as an unknown code.
    """
    rates.check(UNKNOWN_CODES, address)
    found = read_request(code)
    if found is None or found.owner_id != account.id:
        rates.count(UNKNOWN_CODES, address)
        raise LinkNotFound
    return found


def change_request(
    request: RequestRecord, fields: RequestFields, *, actor: Actor, now: datetime
) -> None:
    """Change all of it at once, or nothing. Raises BadOption.

    A limit may be lower than what has arrived: nothing more is taken then. A new or removed
    password forgets which browsers had given the old one. A lifetime counts from now.
    """
    _check(fields)
    password_hash = None if fields.password is None else hash_password(fields.password)
    with write_transaction() as session:
        row = _lock(session, request)
        _write(row, fields)
        if fields.lifetime is not None:
            row.expires_at = now + fields.lifetime
        if password_hash is not None or fields.remove_password:
            row.password_hash = password_hash
            session.execute(delete(RequestAccess).where(RequestAccess.file_request_id == row.id))
        record(session, actor, "request.change", row.id, now=now)


def close_request(request: RequestRecord, *, actor: Actor, now: datetime) -> None:
    """Take nothing more from now on; what was sent stays. Twice is no error."""
    with write_transaction() as session:
        row = _lock(session, request)
        if row.closed_at is None:
            row.closed_at = now
            record(session, actor, "request.close", row.id, now=now)


def reopen_request(request: RequestRecord, *, actor: Actor, now: datetime) -> None:
    """Take files again, until the file request expires."""
    with write_transaction() as session:
        row = _lock(session, request)
        if row.closed_at is not None:
            row.closed_at = None
            record(session, actor, "request.reopen", row.id, now=now)


def delete_request(request: RequestRecord, *, actor: Actor, now: datetime) -> None:
    """Forget a file request that takes nothing any more. Raises Conflict for an open one.

    What was sent stays, as private links of its owner.
    """
    with write_transaction() as session:
        row = _lock(session, request)
        if standing_of_request(row.closed_at, row.expires_at, now) == "open":
            raise Conflict("This file request is open. Close it first.")
        session.execute(delete(FileRequest).where(FileRequest.id == row.id))
        record(session, actor, "request.delete", row.id, now=now)


def list_requests(account: Account, *, page: int, now: datetime) -> list[OwnRequest]:
    """Return a page of a user's file requests, newest first, pages counted from 1.

    One more than PAGE when there is a next page.
    """
    query = (
        select(FileRequest)
        .where(FileRequest.owner_id == account.id)
        .order_by(FileRequest.id.desc())
        .offset((page - 1) * PAGE)
        .limit(PAGE + 1)
    )
    rows = db.session.scalars(query).all()
    counts = _counts([row.id for row in rows], now)
    return [_own(row, counts.get(row.id, (0, 0)), now) for row in rows]


def standing_of_request(closed_at: datetime | None, expires_at: datetime, now: datetime) -> str:
    """Return in one word how a file request stands: `open`, `closed` or `expired`."""
    if closed_at is not None:
        return "closed"
    return "expired" if now >= expires_at else "open"


def _counts(ids: Sequence[int], now: datetime) -> dict[int, tuple[int, int]]:
    query = (
        select(
            Submission.file_request_id,
            func.count(),
            func.count().filter(Submission.seen_at.is_(None)),
        )
        .join(Link, Link.id == Submission.link_id)
        .where(Submission.file_request_id.in_(ids))
        .where(Link.state == LinkState.OPEN, Link.expires_at > now)
        .group_by(Submission.file_request_id)
    )
    return {request_id: (all_, new) for request_id, all_, new in db.session.execute(query)}


def _own(row: FileRequest, counts: tuple[int, int], now: datetime) -> OwnRequest:
    return OwnRequest(
        code=row.code,
        title=row.title,
        created_at=row.created_at,
        expires_at=row.expires_at,
        standing=standing_of_request(row.closed_at, row.expires_at, now),
        submissions=counts[0],
        new=counts[1],
    )


def _check(fields: RequestFields) -> None:
    check_title(fields.title)
    check_text(fields.text)
    check_types(fields.allowed_types)
    check_request_limits(fields.max_files, fields.max_file_size, fields.max_size)
    check_password(fields.password)
    if fields.lifetime is not None:
        check_request_lifetime(fields.lifetime)


def _write(row: FileRequest, fields: RequestFields) -> None:
    row.title, row.text = fields.title, fields.text or None
    row.allowed_types = ",".join(fields.allowed_types) or None
    row.max_files, row.max_file_size = fields.max_files, fields.max_file_size
    row.max_size, row.asks_who = fields.max_size, fields.asks_who


def _lock(session: Session, request: RequestRecord) -> FileRequest:
    query = select(FileRequest).where(FileRequest.id == request.id).with_for_update()
    row = session.scalar(query.execution_options(populate_existing=True))
    if row is None:
        raise LinkNotFound
    return row
