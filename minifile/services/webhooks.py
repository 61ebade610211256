"""Webhooks: addresses of a user's at which notifications are posted, signed with a secret.

What is posted is described in docs/notifications.md. The address is judged when it is saved and at
each sending (`policy/destinations.py`).
"""

import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from minifile.codes import new_token
from minifile.errors import BadOption, Conflict, NotFound
from minifile.extensions import db, release_connection, write_transaction
from minifile.models import Dispatch, Notification, User, Webhook
from minifile.notification_values import DispatchState, NotificationKind, SendAnswer, SendOutcome
from minifile.policy.destinations import Network, check_host, read_destination
from minifile.services.dispatching import Claimed
from minifile.services.notifications import target_of
from minifile.services.posting import PATIENCE, PostFailed, post
from minifile.services.told import codes_of, may_know
from minifile.services.users import lock_user

MAX_WEBHOOKS = 10
# The receiver has taken it away for good.
_GONE = 410


@dataclass(frozen=True, slots=True)
class WebhookRecord:
    """A webhook as its user sees it; the secret is shown once, when it is made."""

    id: int
    url: str
    created_at: datetime
    disabled_at: datetime | None


@dataclass(frozen=True, slots=True)
class Sending:
    """How an instance posts: with which links, where to besides public addresses, as what.

    `patience` is how long a receiver may take.
    """

    public_url: str | None
    allowed: Sequence[Network]
    agent: str
    patience: timedelta = PATIENCE


def list_webhooks(user_id: int) -> Sequence[WebhookRecord]:
    """Return a user's webhooks, the oldest first."""
    rows = db.session.scalars(
        select(Webhook).where(Webhook.user_id == user_id).order_by(Webhook.id)
    )
    return [WebhookRecord(row.id, row.url, row.created_at, row.disabled_at) for row in rows]


def create_webhook(user_id: int, url: str, *, allowed: Sequence[Network], now: datetime) -> str:
    """Keep an address, and return the secret that signs what is posted there.

    Raises BadOption for an address that nothing may be posted to, and for one too many.
    """
    check_host(read_destination(url), allowed)
    secret = new_token()
    with write_transaction() as session:
        lock_user(session, user_id)
        count = session.scalar(select(func.count()).where(Webhook.user_id == user_id)) or 0
        if count >= MAX_WEBHOOKS:
            raise BadOption(f"There are {MAX_WEBHOOKS} webhooks already. Delete one first.")
        session.add(Webhook(user_id=user_id, url=url, secret=secret, created_at=now))
    return secret


def delete_webhook(user_id: int, webhook_id: int) -> None:
    """Delete a webhook and what was to be sent to it. Raises NotFound, also for another user's."""
    with write_transaction() as session:
        session.delete(_get(session, user_id, webhook_id))


def disable_webhook(user_id: int, webhook_id: int, *, now: datetime) -> None:
    """Send nothing to a webhook until it is enabled. Raises NotFound."""
    with write_transaction() as session:
        row = _get(session, user_id, webhook_id)
        row.disabled_at = row.disabled_at or now


def enable_webhook(user_id: int, webhook_id: int) -> None:
    """Send to a webhook again what happens from now on. Raises NotFound."""
    with write_transaction() as session:
        _get(session, user_id, webhook_id).disabled_at = None


def send_test(user_id: int, webhook_id: int, *, now: datetime) -> None:
    """Put something on its way to a webhook, which tells that it works.

    Raises NotFound, and Conflict while an earlier one is on its way: nobody scans ports with it.
    """
    with write_transaction() as session:
        _get(session, user_id, webhook_id)
        waiting = (
            select(Dispatch.id)
            .join(Notification)
            .where(
                Dispatch.webhook_id == webhook_id,
                Dispatch.state == DispatchState.PENDING,
                Notification.kind == NotificationKind.TEST,
            )
        )
        if session.scalar(waiting.limit(1)) is not None:
            raise Conflict("A test is on its way already. The log tells what became of it.")
        key = f"{NotificationKind.TEST}:{webhook_id}:{new_token()}"
        about = {"kind": NotificationKind.TEST, "user_id": user_id, "link_id": None, "payload": {}}
        notification = Notification(key=key, at=now, **about)
        session.add(notification)
        session.flush()
        session.add(
            Dispatch(
                notification_id=notification.id,
                webhook_id=webhook_id,
                target=target_of(user_id, webhook_id),
                line=0,
                state=DispatchState.PENDING,
                next_at=now,
            )
        )


def send_to_webhook(claimed: Claimed, sending: Sending, *, now: datetime) -> SendAnswer:
    """Post a notification to its webhook, signed, and return what came of it.

    A status of 2xx is success; 410 and an address that may not be posted to end it at once;
    everything else, a redirect too, is tried again.
    """
    found = _read(claimed)
    if found is None:
        return SendAnswer(SendOutcome.REFUSED, "it is not to be told any more")
    webhook, notification = found
    body = _body(notification, sending.public_url)
    headers = _headers(webhook.secret, notification, body, sending.agent, now)
    try:
        destination = read_destination(webhook.url)
        status = post(
            destination, body, headers, allowed=sending.allowed, patience=sending.patience
        )
    except BadOption:
        return SendAnswer(SendOutcome.REFUSED, "the address is not allowed")
    except PostFailed as error:
        return SendAnswer(SendOutcome.LATER, str(error))
    if 200 <= status < 300:
        return SendAnswer(SendOutcome.SENT, f"HTTP {status}")
    return SendAnswer(
        SendOutcome.REFUSED if status == _GONE else SendOutcome.LATER, f"HTTP {status}"
    )


def _read(claimed: Claimed) -> tuple[Webhook, Notification] | None:
    """Return both rows, read and let go of; None where nothing is to be sent any more."""
    found = db.session.execute(
        select(Webhook, User.role)
        .join(User, User.id == Webhook.user_id)
        .where(
            Webhook.id == claimed.webhook_id,
            Webhook.disabled_at.is_(None),
            User.disabled_at.is_(None),
        )
    ).first()
    notification = db.session.get(Notification, claimed.notification_id)
    # No connection is held while somebody is waited for.
    db.session.expunge_all()
    release_connection()
    if found is None or notification is None or not may_know(notification.kind, found[1]):
        return None
    return found[0], notification


def _body(notification: Notification, public_url: str | None) -> bytes:
    link_id = notification.link_id
    code = None if link_id is None else codes_of(notification.user_id, [link_id]).get(link_id)
    link: dict[str, Any] | None = None if link_id is None else {"id": link_id}
    if link is not None and code is not None and public_url is not None:
        root = public_url.rstrip("/")
        link |= {"url": f"{root}/{code}", "manage_url": f"{root}/links/{code}"}
    told = {
        "id": _name(notification),
        "kind": notification.kind,
        "at": notification.at.astimezone(UTC).isoformat(),
        "link": link,
        "data": notification.payload,
    }
    return json.dumps(told, separators=(",", ":")).encode()


def _headers(
    secret: str, notification: Notification, body: bytes, agent: str, now: datetime
) -> dict[str, str]:
    timestamp = str(int(now.timestamp()))
    return {
        "Content-Type": "application/json",
        "User-Agent": agent,
        "X-Minifile-Event": notification.kind,
        "X-Minifile-Id": _name(notification),
        "X-Minifile-Timestamp": timestamp,
        "X-Minifile-Signature": f"v1={sign(secret, timestamp, body)}",
        "Connection": "close",
    }


def sign(secret: str, timestamp: str, body: bytes) -> str:
    """Return the HMAC-SHA-256 (RFC 2104) over `timestamp.body`, in hexadecimal digits."""
    signed = timestamp.encode() + b"." + body
    return hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def _name(notification: Notification) -> str:
    """Return what stays the same however often it is sent, so that a receiver knows it again."""
    return str(notification.id)


def _get(session: Session, user_id: int, webhook_id: int) -> Webhook:
    row = session.get(Webhook, webhook_id)
    if row is None or row.user_id != user_id:
        raise NotFound("You have no such webhook.")
    return row
