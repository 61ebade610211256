"""STUB until C lands."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from minifile.extensions import Base
from minifile.models.types import Id, UtcDateTime


class Webhook(Base):
    """W."""

    __tablename__ = "webhook"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    user_id: Mapped[int] = mapped_column(Id, ForeignKey("user_account.id", ondelete="CASCADE"))
    url: Mapped[str] = mapped_column(Text)
    secret: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    disabled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Subscription(Base):
    """S."""

    __tablename__ = "subscription"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    user_id: Mapped[int] = mapped_column(Id, ForeignKey("user_account.id", ondelete="CASCADE"))
    link_id: Mapped[int | None] = mapped_column(Id, ForeignKey("link.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(32))
    webhook_id: Mapped[int | None] = mapped_column(Id, ForeignKey("webhook.id", ondelete="CASCADE"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Notification(Base):
    """N."""

    __tablename__ = "notification"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    key: Mapped[str] = mapped_column(String(120), unique=True)
    kind: Mapped[str] = mapped_column(String(32))
    user_id: Mapped[int] = mapped_column(Id, ForeignKey("user_account.id", ondelete="CASCADE"))
    link_id: Mapped[int | None] = mapped_column(Id, ForeignKey("link.id", ondelete="SET NULL"))
    payload: Mapped[dict[str, Any]] = mapped_column(JSON)
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class Dispatch(Base):
    """D."""

    __tablename__ = "dispatch"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    notification_id: Mapped[int] = mapped_column(
        Id, ForeignKey("notification.id", ondelete="CASCADE")
    )
    webhook_id: Mapped[int | None] = mapped_column(Id, ForeignKey("webhook.id", ondelete="CASCADE"))
    state: Mapped[str] = mapped_column(String(16))
    attempts: Mapped[int] = mapped_column(default=0)
    next_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    answer: Mapped[str | None] = mapped_column(String(80))
