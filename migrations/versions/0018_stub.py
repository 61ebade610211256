"""STUB"""

from alembic import op

revision = "0018"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    from minifile.models import Dispatch, Notification, Subscription, Webhook

    for m in (Webhook, Subscription, Notification, Dispatch):
        m.__table__.create(op.get_bind())
    op.execute("ALTER TABLE user_account ADD COLUMN unfetched_hours INTEGER NOT NULL DEFAULT 24")
    op.execute("ALTER TABLE user_account ADD COLUMN quota_told_at TIMESTAMP")
    op.execute("ALTER TABLE user_account ADD COLUMN digest VARCHAR(8) NOT NULL DEFAULT 'off'")
    op.execute("ALTER TABLE user_account ADD COLUMN digest_zone VARCHAR(64) NOT NULL DEFAULT 'UTC'")
    op.execute("ALTER TABLE user_account ADD COLUMN digested_at TIMESTAMP")


def downgrade() -> None:
    pass
