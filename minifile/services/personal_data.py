"""Everything that is kept of one user, for themselves: as JSON, written while it is read."""

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Select, select

from minifile.extensions import db, release_connection
from minifile.models import (
    ApiToken,
    AuditEntry,
    DailyUpload,
    File,
    FileRequest,
    Grant,
    Link,
    Notification,
    OidcIdentity,
    PartialUpload,
    Submission,
    Subscription,
    User,
    UserSession,
    Webhook,
)
from minifile.services.pacing import ROWS

Row = dict[str, Any]

_LINK = (
    "code created_at expires_at state closed_at max_downloads download_count preview_count note"
    " is_private recipient takedown_reason"
)
_FILE = "filename content_type size_bytes sha256 created_at"
_REQUEST = (
    "code title text allowed_types max_files max_file_size max_size asks_who created_at expires_at"
    " closed_at"
)
_USER = (
    "name email role created_at disabled_at signed_in_at max_file_size quota max_links"
    " max_lifetime_seconds daily_upload unfetched_hours digest digest_zone"
)


def export_account(user_id: int) -> Iterator[str]:
    """Yield a JSON document of what the database holds of a user, but secrets and their hashes.

    A page of rows after the other, so that neither memory nor a transaction grows with them.
    """
    yield '{"account": ' + _as_json(_row(_one(select(User).where(User.id == user_id)), _USER))
    for name, rows in _sections(user_id):
        yield f',\n"{name}": ['
        for number, row in enumerate(rows):
            yield (",\n" if number else "\n") + _as_json(row)
        yield "]"
    yield "}\n"


def _sections(user_id: int) -> Iterator[tuple[str, Iterator[Row]]]:
    def of(model: Any, names: str, column: str = "user_id") -> Iterator[Row]:
        wanted = select(model).where(getattr(model, column) == user_id)
        return _pages(wanted, model.id, lambda row: _row(row, names))

    yield "sessions", of(UserSession, "created_at seen_at expires_at user_agent")
    yield "api_tokens", of(ApiToken, "name scopes created_at expires_at used_at")
    yield "identities", of(OidcIdentity, "issuer subject created_at")
    yield "links", _pages(select(Link).where(Link.owner_id == user_id), Link.id, _link)
    yield "grants", _pages(select(Grant).where(Grant.user_id == user_id), Grant.id, _grant)
    yield "file_requests", of(FileRequest, _REQUEST, "owner_id")
    yield "submissions", _submissions(user_id)
    yield (
        "partial_uploads",
        of(PartialUpload, "filename state length offset created_at expires_at", "owner_id"),
    )
    yield "daily_uploads", _daily_uploads(user_id)
    yield "webhooks", of(Webhook, "url created_at disabled_at")
    yield "subscriptions", _subscriptions(user_id)
    yield "notifications", of(Notification, "kind at payload")
    yield "audit", of(AuditEntry, "at via action subject_id detail", "actor_id")


def _link(link: Link) -> Row:
    files = db.session.scalars(
        select(File).where(File.link_id == link.id).order_by(File.position)
    ).all()
    shared = db.session.scalars(
        select(User.name)
        .join(Grant, Grant.user_id == User.id)
        .where(Grant.link_id == link.id)
        .order_by(Grant.id)
    )
    return {
        **_row(link, _LINK),
        "has_password": link.password_hash is not None,
        "files": [_row(file, _FILE) for file in files],
        "shared_with": list(shared),
    }


def _grant(grant: Grant) -> Row:
    code = db.session.scalar(select(Link.code).where(Link.id == grant.link_id))
    return {"code": code, "created_at": _value(grant.created_at)}


def _submissions(user_id: int) -> Iterator[Row]:
    wanted = (
        select(Submission)
        .join(FileRequest, FileRequest.id == Submission.file_request_id)
        .where(FileRequest.owner_id == user_id)
    )
    return _pages(wanted, Submission.id, _submission)


def _submission(row: Submission) -> Row:
    code = db.session.scalar(select(Link.code).where(Link.id == row.link_id))
    request = db.session.scalar(
        select(FileRequest.code).where(FileRequest.id == row.file_request_id)
    )
    known = _row(row, "sender_name message created_at open_until seen_at")
    return {"file_request": request, "link": code, **known}


def _subscriptions(user_id: int) -> Iterator[Row]:
    wanted = select(Subscription).where(Subscription.user_id == user_id)
    return _pages(wanted, Subscription.id, _subscription)


def _subscription(row: Subscription) -> Row:
    code = db.session.scalar(select(Link.code).where(Link.id == row.link_id))
    url = db.session.scalar(select(Webhook.url).where(Webhook.id == row.webhook_id))
    return {"link": code, "webhook": url, **_row(row, "kind created_at")}


def _daily_uploads(user_id: int) -> Iterator[Row]:
    # One row a day, which a year has 366 of.
    query = select(DailyUpload).where(DailyUpload.holder == user_id).order_by(DailyUpload.day)
    yield from [_row(row, "day size_bytes") for row in db.session.scalars(query)]


def _pages(query: Select[Any], ids: Any, told: Callable[[Any], Row]) -> Iterator[Row]:
    last_id = 0
    while True:
        page = query.where(ids > last_id).order_by(ids).limit(ROWS)
        rows: Sequence[Any] = db.session.scalars(page).all()
        if not rows:
            return
        last_id = rows[-1].id
        yield from [told(row) for row in rows]
        db.session.expunge_all()
        release_connection()


def _one(query: Select[Any]) -> Any:
    return db.session.scalars(query).one()


def _row(row: Any, names: str) -> Row:
    return {name: _value(getattr(row, name)) for name in names.split()}


def _value(value: Any) -> Any:
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    return value


def _as_json(value: Row) -> str:
    return json.dumps(value, ensure_ascii=False)
