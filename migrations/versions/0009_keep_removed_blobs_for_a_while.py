"""keep removed blobs for a while"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "removed_blob",
        sa.Column("storage_key", sa.String(length=64), nullable=False),
        sa.Column("delete_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("storage_key", name=op.f("pk_removed_blob")),
    )
    op.create_index("ix_removed_blob_delete_at", "removed_blob", ["delete_at"], unique=False)


def downgrade() -> None:
    # What was to be kept for a moment is swept as orphans then.
    op.drop_table("removed_blob")
