"""The rows of file requests: how one is read, held, and how full it is."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, bindparam, func, or_, select

from minifile.errors import LinkGone
from minifile.extensions import db
from minifile.models import File, FileRequest, Link, PartialUpload, Submission, User
from minifile.policy.file_requests import CLOSED, Room, check_room, check_taking
from minifile.services.statements import Driver, Row, Statement, reading
from minifile.values import LinkState, PartialState


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """A file request, as its row was read; sizes in bytes, None for no limit of its own."""

    id: int
    code: str
    owner_id: int
    title: str
    text: str | None
    allowed_types: Sequence[str]
    max_files: int | None
    max_file_size: int | None
    max_size: int | None
    password_hash: str | None
    asks_who: bool
    created_at: datetime
    expires_at: datetime
    closed_at: datetime | None
    owner_role: str
    owner_disabled: bool

    @property
    def is_locked(self) -> bool:
        return self.password_hash is not None


_COLUMNS: Any = select(
    FileRequest.id,
    FileRequest.code,
    FileRequest.owner_id,
    FileRequest.title,
    FileRequest.text,
    FileRequest.allowed_types,
    FileRequest.max_files,
    FileRequest.max_file_size,
    FileRequest.max_size,
    FileRequest.password_hash,
    FileRequest.asks_who,
    FileRequest.created_at,
    FileRequest.expires_at,
    FileRequest.closed_at,
    User.role,
    User.disabled_at,
).join(User, User.id == FileRequest.owner_id)
_BY_CODE = Statement(_COLUMNS.where(FileRequest.code == bindparam("code")))
_BY_ID = Statement(_COLUMNS.where(FileRequest.id == bindparam("request_id")))
# What was sent counts until its link has ended for good.
_COUNTS = or_(
    Link.state == LinkState.OPEN.value,
    and_(Link.state == LinkState.REVOKED.value, Link.undo_until > bindparam("at")),
)
_ARRIVED = Statement(
    select(func.count(), func.coalesce(func.sum(File.size_bytes), 0))
    .select_from(Submission)
    .join(Link, Link.id == Submission.link_id)
    .join(File, File.link_id == Link.id)
    .where(Submission.file_request_id == bindparam("request_id"), _COUNTS)
)
_COMING = Statement(
    select(
        func.count(),
        func.coalesce(func.sum(func.coalesce(PartialUpload.length, PartialUpload.offset)), 0),
    ).where(
        PartialUpload.file_request_id == bindparam("request_id"),
        or_(
            PartialUpload.state == PartialState.OPEN.value,
            PartialUpload.state == PartialState.COMPLETE.value,
        ),
        PartialUpload.expires_at > bindparam("at"),
    )
)
_HOLD = Statement(
    select(FileRequest.id).where(FileRequest.id == bindparam("request_id")).with_for_update()
)


def read_request(code: str) -> RequestRecord | None:
    """Return the file request of a code, whatever its state, or None where there is none."""
    with reading(db.engine) as driver:
        return _record(_BY_CODE.run(driver, code=code))


def read_request_of(driver: Driver, request_id: int) -> RequestRecord | None:
    """Return the file request of an upload that answers it."""
    return _record(_BY_ID.run(driver, request_id=request_id))


def hold_request(driver: Driver, request_id: int, now: datetime) -> RequestRecord:
    """Hold the row until the caller's work is committed, and read it.

    Whoever adds to a file request holds it, so what was counted stays as it is meanwhile. Raises
    LinkGone when it takes nothing any more.
    """
    _HOLD.run(driver, request_id=request_id)
    found = read_request_of(driver, request_id)
    if found is None:
        # Its owner's account was deleted a moment ago.
        raise LinkGone(CLOSED)
    check_request_taking(found, now)
    return found


def check_request_taking(request: RequestRecord, now: datetime) -> None:
    """Raise LinkGone unless files may be sent to it."""
    check_taking(request.closed_at, request.expires_at, request.owner_disabled, now)


def room_of(driver: Driver, request: RequestRecord, now: datetime) -> Room:
    """Add up what has arrived, and what is promised to resumable uploads on their way."""
    arrived = _ARRIVED.run(driver, request_id=request.id, at=now)[0]
    coming = _COMING.run(driver, request_id=request.id, at=now)[0]
    return Room(
        request.max_files,
        request.max_size,
        files=arrived[0] + coming[0],
        size_bytes=int(arrived[1]) + int(coming[1]),
    )


def read_room(request: RequestRecord, now: datetime) -> Room:
    """Return how full a file request is at this moment."""
    with reading(db.engine) as driver:
        return room_of(driver, request, now)


def take_room(driver: Driver, request_id: int, files: int, size_bytes: int, now: datetime) -> None:
    """Hold a file request, and judge whether so much more fits, within the caller's work.

    The caller writes what takes the room in the same work. Raises TooLarge, LinkGone.
    """
    request = hold_request(driver, request_id, now)
    check_room(room_of(driver, request, now), files, size_bytes)


def split_types(text: str | None) -> tuple[str, ...]:
    """Return the types that a row names."""
    return tuple(filter(None, (name.strip() for name in (text or "").split(","))))


def _record(rows: Sequence[Row]) -> RequestRecord | None:
    if not rows:
        return None
    values = list(rows[0])
    values[5] = split_types(values[5])
    values[-1] = values[-1] is not None
    return RequestRecord(*values)
