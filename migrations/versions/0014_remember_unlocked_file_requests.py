"""remember unlocked file requests"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "request_access",
        sa.Column("id", _id(), nullable=False),
        sa.Column("browser_hash", sa.String(length=64), nullable=False),
        sa.Column("file_request_id", _id(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["file_request_id"],
            ["file_request.id"],
            name=op.f("fk_request_access_file_request_id_file_request"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_request_access")),
        sa.UniqueConstraint(
            "file_request_id",
            "browser_hash",
            name=op.f("uq_request_access_file_request_id_browser_hash"),
        ),
        sqlite_autoincrement=True,
    )
    answers = sa.text("file_request_id IS NOT NULL")
    op.create_index(
        "ix_partial_upload_file_request_id",
        "partial_upload",
        ["file_request_id"],
        sqlite_where=answers,
        postgresql_where=answers,
    )


def downgrade() -> None:
    op.drop_index("ix_partial_upload_file_request_id", table_name="partial_upload")
    op.drop_table("request_access")


def _id() -> Any:
    """An id as a new column: SQLite counts up only what it knows as INTEGER."""
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")
