"""add notifications"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_PENDING = sa.text("state = 'pending'")


def upgrade() -> None:
    _add_to_users()
    _create_webhook()
    _create_subscription()
    _create_notification()
    _create_dispatch()


def downgrade() -> None:
    for table in ("dispatch", "notification", "subscription", "webhook"):
        op.drop_table(table)
    for column in ("digest_zone", "digest", "quota_told_at", "unfetched_hours"):
        op.drop_column("user_account", column)


def _add_to_users() -> None:
    columns = (
        sa.Column("unfetched_hours", sa.Integer(), server_default="24", nullable=False),
        sa.Column("quota_told_at", _instant(), nullable=True),
        sa.Column("digest", sa.String(length=8), server_default="off", nullable=False),
        sa.Column("digest_zone", sa.String(length=64), server_default="UTC", nullable=False),
    )
    for column in columns:
        op.add_column("user_account", column)


def _create_webhook() -> None:
    op.create_table(
        "webhook",
        sa.Column("id", _id(), nullable=False),
        sa.Column("user_id", _id(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("secret", sa.String(length=64), nullable=False),
        sa.Column("created_at", _instant(), nullable=False),
        sa.Column("disabled_at", _instant(), nullable=True),
        _key("webhook", "user_id", "user_account"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_webhook_user_id", "webhook", ["user_id"])


def _create_subscription() -> None:
    op.create_table(
        "subscription",
        sa.Column("id", _id(), nullable=False),
        sa.Column("user_id", _id(), nullable=False),
        sa.Column("link_id", _id(), nullable=True),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("webhook_id", _id(), nullable=True),
        sa.Column("created_at", _instant(), nullable=False),
        _key("subscription", "user_id", "user_account"),
        _key("subscription", "link_id", "link"),
        _key("subscription", "webhook_id", "webhook"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subscription")),
    )
    op.create_index("ix_subscription_user_id_kind", "subscription", ["user_id", "kind"])
    op.create_index("ix_subscription_link_id", "subscription", ["link_id"])
    op.create_index("ix_subscription_webhook_id", "subscription", ["webhook_id"])


def _create_notification() -> None:
    op.create_table(
        "notification",
        sa.Column("id", _id(), nullable=False),
        sa.Column("key", sa.String(length=120), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("user_id", _id(), nullable=False),
        sa.Column("link_id", _id(), nullable=True),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("at", _instant(), nullable=False),
        _key("notification", "user_id", "user_account"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notification")),
        sa.UniqueConstraint("key", name=op.f("uq_notification_key")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_notification_user_id", "notification", ["user_id"])


def _create_dispatch() -> None:
    op.create_table(
        "dispatch",
        sa.Column("id", _id(), nullable=False),
        sa.Column("notification_id", _id(), nullable=False),
        sa.Column("webhook_id", _id(), nullable=True),
        sa.Column("target", sa.String(length=32), nullable=False),
        sa.Column("line", _id(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("round", sa.Integer(), server_default="0", nullable=False),
        sa.Column("next_at", _instant(), nullable=True),
        sa.Column("first_at", _instant(), nullable=True),
        sa.Column("last_at", _instant(), nullable=True),
        sa.Column("took_ms", sa.Integer(), nullable=True),
        sa.Column("answer", sa.String(length=80), nullable=True),
        sa.Column("claim", sa.String(length=32), nullable=True),
        sa.Column("claimed_until", _instant(), nullable=True),
        sa.CheckConstraint(
            "state IN ('held', 'pending', 'sent', 'failed', 'gathered')",
            name=op.f("ck_dispatch_state"),
        ),
        _key("dispatch", "notification_id", "notification"),
        _key("dispatch", "webhook_id", "webhook"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dispatch")),
        sqlite_autoincrement=True,
    )
    for name, columns in (
        ("ix_dispatch_pending", ["next_at"]),
        ("ix_dispatch_line", ["target", "line"]),
    ):
        op.create_index(name, "dispatch", columns, sqlite_where=_PENDING, postgresql_where=_PENDING)
    op.create_index("ix_dispatch_notification_id", "dispatch", ["notification_id"])
    op.create_index("ix_dispatch_webhook_id", "dispatch", ["webhook_id"])


def _key(table: str, column: str, referred: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_{column}_{referred}")
    return sa.ForeignKeyConstraint([column], [f"{referred}.id"], name=name, ondelete="CASCADE")


def _id() -> Any:
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _instant() -> Any:
    return sa.DateTime(timezone=True)
