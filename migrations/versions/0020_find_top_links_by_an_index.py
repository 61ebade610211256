"""find top links by an index"""

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("ix_tally_step", table_name="tally")
    op.create_index("ix_tally_step", "tally", ["scope", "step", "at", "subject_id", "downloads"])


def downgrade() -> None:
    op.drop_index("ix_tally_step", table_name="tally")
    op.create_index("ix_tally_step", "tally", ["scope", "step", "at"])
