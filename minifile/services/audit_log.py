"""The audit log as admins read it: filtered, in pages, or whole as a stream."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, select
from sqlalchemy.orm import aliased

from minifile.extensions import db, release_connection
from minifile.models import AuditEntry, User

PAGE = 100
_STREAMED_AT_ONCE = 500
# Acts whose subject is a user; that of all others is a link, a report's link or the like.
_ON_USERS = ("user.", "session.", "token.")


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which entries are wanted; None leaves a side open. `until` itself is not included."""

    actor_id: int | None = None
    via: str | None = None
    action: str | None = None
    """The act itself (`user.role`), or what it is done to (`user`)."""
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One act. Names are those of now; None for a user who was deleted."""

    id: int
    at: datetime
    actor_id: int | None
    actor: str | None
    via: str
    action: str
    subject_id: int | None
    subject: str | None
    detail: str | None

    @property
    def is_on_user(self) -> bool:
        return self.action.startswith(_ON_USERS)

    @property
    def is_on_link(self) -> bool:
        return self.action.startswith(("link.", "report."))


def list_entries(wanted: AuditFilter, *, page: int = 1) -> list[AuditRecord]:
    """Return a page of acts, the newest first; one more than PAGE if more follow."""
    query = _entries(wanted).order_by(AuditEntry.id.desc())
    return _read(query.offset((page - 1) * PAGE).limit(PAGE + 1))


def stream_entries(wanted: AuditFilter) -> Iterator[AuditRecord]:
    """Yield all acts, the oldest first; no transaction stays open while somebody reads them."""
    last = 0
    query = _entries(wanted).order_by(AuditEntry.id).limit(_STREAMED_AT_ONCE)
    while page := _read(query.where(AuditEntry.id > last)):
        release_connection()
        yield from page
        last = page[-1].id


def _entries(wanted: AuditFilter) -> Select[AuditEntry, str | None, str | None]:
    actor, subject = aliased(User), aliased(User)
    query = (
        select(AuditEntry, actor.name, subject.name)
        .outerjoin(actor, actor.id == AuditEntry.actor_id)
        .outerjoin(subject, subject.id == AuditEntry.subject_id)
    )
    if wanted.actor_id is not None:
        query = query.where(AuditEntry.actor_id == wanted.actor_id)
    if wanted.via is not None:
        query = query.where(AuditEntry.via == wanted.via)
    if wanted.action is not None:
        is_act = AuditEntry.action == wanted.action
        query = query.where(
            is_act | AuditEntry.action.startswith(f"{wanted.action}.", autoescape=True)
        )
    if wanted.since is not None:
        query = query.where(AuditEntry.at >= wanted.since)
    if wanted.until is not None:
        query = query.where(AuditEntry.at < wanted.until)
    return query


def _read(query: Select[AuditEntry, str | None, str | None]) -> list[AuditRecord]:
    return [
        AuditRecord(
            id=row.id,
            at=row.at,
            actor_id=row.actor_id,
            actor=actor,
            via=row.via,
            action=row.action,
            subject_id=row.subject_id,
            subject=subject if row.action.startswith(_ON_USERS) else None,
            detail=row.detail,
        )
        for row, actor, subject in db.session.execute(query)
    ]
