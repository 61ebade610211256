"""STUB until C lands."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from minifile.codes import new_token
from minifile.errors import BadOption, NotFound
from minifile.extensions import db, write_transaction
from minifile.models import Webhook


@dataclass(frozen=True, slots=True)
class WebhookRecord:
    """Stub."""

    id: int
    url: str
    created_at: datetime
    disabled_at: datetime | None


def list_webhooks(user_id: int) -> Sequence[WebhookRecord]:
    """Stub."""
    rows = db.session.scalars(select(Webhook).where(Webhook.user_id == user_id))
    return [WebhookRecord(r.id, r.url, r.created_at, r.disabled_at) for r in rows]


def create_webhook(user_id: int, url: str, *, now: datetime) -> str:
    """Stub."""
    if not url.startswith("http"):
        raise BadOption("A webhook begins with https://")
    secret = new_token()
    with write_transaction() as session:
        session.add(Webhook(user_id=user_id, url=url, secret=secret, created_at=now))
    return secret


def _get(user_id: int, webhook_id: int) -> Webhook:
    row = db.session.get(Webhook, webhook_id)
    if row is None or row.user_id != user_id:
        raise NotFound("You have no such webhook.")
    return row


def delete_webhook(user_id: int, webhook_id: int) -> None:
    """Stub."""
    with write_transaction() as session:
        session.delete(_get(user_id, webhook_id))


def disable_webhook(user_id: int, webhook_id: int, *, now: datetime) -> None:
    """Stub."""
    with write_transaction():
        _get(user_id, webhook_id).disabled_at = now


def enable_webhook(user_id: int, webhook_id: int) -> None:
    """Stub."""
    with write_transaction():
        _get(user_id, webhook_id).disabled_at = None


def send_test(user_id: int, webhook_id: int, *, now: datetime) -> None:
    """Stub."""
    _get(user_id, webhook_id)
