"""say with whom an upload is shared"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("partial_upload", sa.Column("grant_to", sa.Text(), nullable=True))
    op.add_column("partial_upload", sa.Column("recipients", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("partial_upload", "recipients")
    op.drop_column("partial_upload", "grant_to")
