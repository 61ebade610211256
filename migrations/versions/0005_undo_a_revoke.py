"""let a revoke be undone"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("link", sa.Column("undo_until", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("link", "undo_until")
