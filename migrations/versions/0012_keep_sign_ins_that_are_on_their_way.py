"""keep sign-ins that are on their way"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    user_id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "oidc_sign_in",
        sa.Column("state_hash", sa.String(length=64), nullable=False),
        sa.Column("browser_hash", sa.String(length=64), nullable=False),
        sa.Column("nonce", sa.String(length=64), nullable=False),
        sa.Column("code_verifier", sa.String(length=128), nullable=False),
        sa.Column("next_path", sa.String(length=2000), nullable=True),
        sa.Column("user_id", user_id, nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["user_account.id"],
            name=op.f("fk_oidc_sign_in_user_id_user_account"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("state_hash", name=op.f("pk_oidc_sign_in")),
    )
    op.create_index("ix_oidc_sign_in_expires_at", "oidc_sign_in", ["expires_at"], unique=False)
    op.create_index(op.f("ix_oidc_sign_in_user_id"), "oidc_sign_in", ["user_id"], unique=False)


def downgrade() -> None:
    # Who is at the provider just then begins once more.
    op.drop_table("oidc_sign_in")
