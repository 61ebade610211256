"""Notifications: who wants to hear of what, what has happened, and what is on its way to whom."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from minifile.extensions import Base
from minifile.models.types import Id, UtcDateTime


class Webhook(Base):
    """An address of a user's at which notifications are posted; the secret signs them."""

    __tablename__ = "webhook"
    __table_args__ = (Index("ix_webhook_user_id", "user_id"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    user_id: Mapped[int] = mapped_column(Id, ForeignKey("user_account.id", ondelete="CASCADE"))
    url: Mapped[str] = mapped_column(Text)
    # In the clear: what it signs must be signed anew each time.
    secret: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    disabled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Subscription(Base):
    """A kind of notification that a user wants: of one link or of all, by mail or by a webhook."""

    __tablename__ = "subscription"
    __table_args__ = (
        Index("ix_subscription_user_id_kind", "user_id", "kind"),
        Index("ix_subscription_link_id", "link_id"),
        Index("ix_subscription_webhook_id", "webhook_id"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    user_id: Mapped[int] = mapped_column(Id, ForeignKey("user_account.id", ondelete="CASCADE"))
    # None: of all links of the user.
    link_id: Mapped[int | None] = mapped_column(Id, ForeignKey("link.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(32))
    # None: by mail.
    webhook_id: Mapped[int | None] = mapped_column(Id, ForeignKey("webhook.id", ondelete="CASCADE"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Notification(Base):
    """What happened. The key makes it happen once, whoever notices it how often."""

    __tablename__ = "notification"
    __table_args__ = (Index("ix_notification_user_id", "user_id"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    key: Mapped[str] = mapped_column(String(120), unique=True)
    kind: Mapped[str] = mapped_column(String(32))
    user_id: Mapped[int] = mapped_column(Id, ForeignKey("user_account.id", ondelete="CASCADE"))
    # No foreign key: it outlives the link, whose id no other gets.
    link_id: Mapped[int | None] = mapped_column(Id)
    payload: Mapped[dict[str, Any]] = mapped_column(JSON)
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class Dispatch(Base):
    """One notification on its way to one target, or arrived there; also the log of that.

    `target` and `line` are what order is kept by: `mail:<user>` or `webhook:<id>`, and the link's
    id or 0. While somebody sends it, `claim` is theirs until `claimed_until`.
    """

    __tablename__ = "dispatch"
    __table_args__ = (
        CheckConstraint("state IN ('held', 'pending', 'sent', 'failed', 'gathered')", name="state"),
        # What waits is little beside what was sent.
        Index(
            "ix_dispatch_pending",
            "next_at",
            sqlite_where=text("state = 'pending'"),
            postgresql_where=text("state = 'pending'"),
        ),
        Index(
            "ix_dispatch_line",
            "target",
            "line",
            sqlite_where=text("state = 'pending'"),
            postgresql_where=text("state = 'pending'"),
        ),
        Index("ix_dispatch_notification_id", "notification_id"),
        Index("ix_dispatch_webhook_id", "webhook_id"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    notification_id: Mapped[int] = mapped_column(
        Id, ForeignKey("notification.id", ondelete="CASCADE")
    )
    webhook_id: Mapped[int | None] = mapped_column(Id, ForeignKey("webhook.id", ondelete="CASCADE"))
    target: Mapped[str] = mapped_column(String(32))
    line: Mapped[int] = mapped_column(Id)
    state: Mapped[str] = mapped_column(String(16))
    attempts: Mapped[int] = mapped_column(server_default="0")
    # How often somebody asked for it once more: what is sent then is another mail.
    round: Mapped[int] = mapped_column(server_default="0")
    next_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    first_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When it was tried first in this round."""
    last_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    took_ms: Mapped[int | None]
    answer: Mapped[str | None] = mapped_column(String(80))
    claim: Mapped[str | None] = mapped_column(String(32))
    claimed_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
