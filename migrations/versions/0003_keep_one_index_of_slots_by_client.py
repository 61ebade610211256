"""keep one index of slots by client"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("slot", schema=None) as batch_op:
        batch_op.drop_index("ix_slot_unfinished")
        batch_op.drop_index("ix_slot_link_id_client")
        batch_op.create_index(
            "ix_slot_link_id_client", ["link_id", "client", "completed_at"], unique=False
        )


def downgrade() -> None:
    with op.batch_alter_table("slot", schema=None) as batch_op:
        batch_op.drop_index("ix_slot_link_id_client")
        batch_op.create_index("ix_slot_link_id_client", ["link_id", "client"], unique=False)
        batch_op.create_index(
            "ix_slot_unfinished",
            ["link_id", "client"],
            unique=False,
            sqlite_where=sa.text("completed_at IS NULL"),
            postgresql_where=sa.text("completed_at IS NULL"),
        )
