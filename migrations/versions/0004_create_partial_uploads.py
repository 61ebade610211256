"""create partial uploads"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def _id() -> sa.types.TypeEngine[int]:
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "partial_upload",
        sa.Column("id", _id(), nullable=False),
        sa.Column("upload_hash", sa.String(length=64), nullable=False),
        sa.Column("bundle_hash", sa.String(length=64), nullable=True),
        sa.Column("bundle_files", sa.Integer(), nullable=True),
        sa.Column("owner_hash", sa.String(length=64), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("length", sa.BigInteger(), nullable=True),
        sa.Column("offset", sa.BigInteger(), nullable=False),
        sa.Column("concat", sa.Text(), nullable=True),
        sa.Column("parts", sa.Text(), nullable=True),
        sa.Column("filename", sa.String(length=1024), nullable=False),
        sa.Column("declared_type", sa.String(length=255), nullable=True),
        sa.Column("metadata_text", sa.Text(), nullable=True),
        sa.Column("lifetime_seconds", sa.BigInteger(), nullable=True),
        sa.Column("max_downloads", sa.Integer(), nullable=True),
        sa.Column("password_hash", sa.String(length=255), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("storage_key", sa.String(length=64), nullable=False),
        sa.Column("writer", sa.String(length=64), nullable=True),
        sa.Column("is_wanted", sa.Boolean(), nullable=False),
        sa.Column("content_type", sa.String(length=100), nullable=True),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.Column("crc32", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("link_id", _id(), nullable=True),
        sa.CheckConstraint(
            "state IN ('open', 'complete', 'joined', 'deleting')",
            name=op.f("ck_partial_upload_state"),
        ),
        sa.CheckConstraint('"offset" >= 0', name=op.f("ck_partial_upload_offset")),
        sa.ForeignKeyConstraint(
            ["link_id"],
            ["link.id"],
            name=op.f("fk_partial_upload_link_id_link"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_partial_upload")),
        sa.UniqueConstraint("storage_key", name=op.f("uq_partial_upload_storage_key")),
        sa.UniqueConstraint("upload_hash", name=op.f("uq_partial_upload_upload_hash")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("partial_upload", schema=None) as batch_op:
        batch_op.create_index("ix_partial_upload_bundle_hash", ["bundle_hash"], unique=False)
        batch_op.create_index("ix_partial_upload_expires_at", ["expires_at"], unique=False)
        batch_op.create_index("ix_partial_upload_link_id", ["link_id"], unique=False)
        batch_op.create_index(
            "ix_partial_upload_deleting",
            ["state"],
            unique=False,
            sqlite_where=sa.text("state = 'deleting'"),
            postgresql_where=sa.text("state = 'deleting'"),
        )
        batch_op.create_index(
            "ix_partial_upload_wanted",
            ["is_wanted"],
            unique=False,
            sqlite_where=sa.text("is_wanted"),
            postgresql_where=sa.text("is_wanted"),
        )


def downgrade() -> None:
    op.drop_table("partial_upload")
