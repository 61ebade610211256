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


def downgrade() -> None:
    pass
