"""number the holds of blobs"""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Locks of SQLite's one machine are numbered by its clock.
    if op.get_bind().dialect.name == "postgresql":
        op.execute("CREATE SEQUENCE blob_fence")


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP SEQUENCE blob_fence")
