"""remember who made a reset"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

# What SQLite does not tell of a table that is made anew.
_KEPT = {"sqlite_autoincrement": True}
_KEY = "fk_password_reset_maker_id_user_account"


def upgrade() -> None:
    with op.batch_alter_table("password_reset", table_kwargs=_KEPT) as batch:
        batch.add_column(sa.Column("maker_id", _id(), nullable=True))
        batch.create_foreign_key(_KEY, "user_account", ["maker_id"], ["id"], ondelete="CASCADE")


def downgrade() -> None:
    with op.batch_alter_table("password_reset", table_kwargs=_KEPT) as batch:
        batch.drop_constraint(_KEY, type_="foreignkey")
        batch.drop_column("maker_id")


def _id() -> Any:
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")
