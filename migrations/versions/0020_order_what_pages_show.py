"""order what pages show"""

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("ix_tally_step", table_name="tally")
    op.create_index("ix_tally_step", "tally", ["scope", "step", "at", "subject_id", "downloads"])
    op.drop_index("ix_delivery_file_id", table_name="delivery")
    op.create_index("ix_delivery_file_id", "delivery", ["file_id", "id"])


def downgrade() -> None:
    op.drop_index("ix_delivery_file_id", table_name="delivery")
    op.create_index("ix_delivery_file_id", "delivery", ["file_id"])
    op.drop_index("ix_tally_step", table_name="tally")
    op.create_index("ix_tally_step", "tally", ["scope", "step", "at"])
