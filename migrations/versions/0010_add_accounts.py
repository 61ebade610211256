"""add accounts"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

# New columns that refer to rows: the column, the table referred to, what a deletion there does.
_REFERENCES = {
    "link": (("owner_id", "user_account", "SET NULL"), ("parent_id", "link", "CASCADE")),
    "partial_upload": (
        ("owner_id", "user_account", "CASCADE"),
        ("file_request_id", "file_request", "CASCADE"),
    ),
    "slot": (("user_id", "user_account", "SET NULL"),),
}
_INDEXES = (("link", "owner_id"), ("link", "parent_id"), ("partial_upload", "owner_id"))
# What SQLite does not tell of a table that is made anew.
_KEPT = {"sqlite_autoincrement": True}


def upgrade() -> None:
    _create_tables()
    for table in _REFERENCES:
        with op.batch_alter_table(table, table_kwargs=_KEPT) as batch:
            for column in _columns(table):
                batch.add_column(column)
            for column, referred, action in _REFERENCES[table]:
                batch.add_column(sa.Column(column, _id(), nullable=True))
                batch.create_foreign_key(
                    f"fk_{table}_{column}_{referred}", referred, [column], ["id"], ondelete=action
                )
    for table, column in _INDEXES:
        is_set = sa.text(f"{column} IS NOT NULL")
        op.create_index(
            f"ix_{table}_{column}", table, [column],
            sqlite_where=is_set, postgresql_where=is_set,
        )  # fmt: skip
    _keep_audit_entries()


def downgrade() -> None:
    _close_private_links()
    _let_audit_entries_go()
    for table, column in _INDEXES:
        op.drop_index(f"ix_{table}_{column}", table_name=table)
    for table in reversed(_REFERENCES):
        with op.batch_alter_table(table, table_kwargs=_KEPT) as batch:
            for column, referred, _ in _REFERENCES[table]:
                batch.drop_constraint(f"fk_{table}_{column}_{referred}", type_="foreignkey")
                batch.drop_column(column)
            for column in _columns(table):
                batch.drop_column(column.name)
    for table in reversed(_TABLES):
        op.drop_table(table)


def _close_private_links() -> None:
    """End what the older version would open to everybody: it knows no private link and no child."""
    for statement in _CLOSING:
        op.execute(statement)


_CLOSING = (
    "DELETE FROM delivery WHERE slot_id IN"
    " (SELECT slot.id FROM slot JOIN link ON link.id = slot.link_id"
    " WHERE link.parent_id IS NOT NULL)",
    "DELETE FROM slot WHERE link_id IN (SELECT id FROM link WHERE parent_id IS NOT NULL)",
    "DELETE FROM browser_access WHERE link_id IN (SELECT id FROM link WHERE parent_id IS NOT NULL)",
    "DELETE FROM report WHERE link_id IN (SELECT id FROM link WHERE parent_id IS NOT NULL)",
    "DELETE FROM link WHERE parent_id IS NOT NULL",
    "UPDATE link SET state = 'revoked', undo_until = NULL WHERE is_private AND state = 'open'",
    # What is on its way would become a public link.
    "UPDATE partial_upload SET state = 'deleting'"
    " WHERE state <> 'joined' AND (is_private OR file_request_id IS NOT NULL)",
)


def _columns(table: str) -> list[sa.Column[Any]]:
    is_private = sa.Column(
        "is_private", sa.Boolean(), server_default=sa.text("false"), nullable=False
    )
    if table == "link":
        return [
            is_private,
            sa.Column("recipient", sa.String(length=254), nullable=True),
            sa.Column("takedown_reason", sa.String(length=500), nullable=True),
        ]
    if table == "partial_upload":
        return [
            is_private,
            sa.Column("custom_code", sa.String(length=64), nullable=True),
            sa.Column("sender_name", sa.String(length=200), nullable=True),
        ]
    return []


def _id() -> sa.types.TypeEngine[int]:
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _keep_audit_entries() -> None:
    """Make the database refuse to change or delete what was written down."""
    if op.get_bind().dialect.name == "sqlite":
        for act in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER audit_entry_no_{act.lower()} BEFORE {act} ON audit_entry"
                " BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END"
            )
        return
    op.execute(
        "CREATE FUNCTION audit_entry_is_kept() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'the audit log is append-only'; END $$"
    )
    op.execute(
        "CREATE TRIGGER audit_entry_is_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_entry"
        " FOR EACH STATEMENT EXECUTE FUNCTION audit_entry_is_kept()"
    )


def _let_audit_entries_go() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for act in ("update", "delete"):
            op.execute(f"DROP TRIGGER audit_entry_no_{act}")
        return
    op.execute("DROP TRIGGER audit_entry_is_kept ON audit_entry")
    op.execute("DROP FUNCTION audit_entry_is_kept()")


_TABLES = (
    "audit_entry",
    "blocked_digest",
    "daily_upload",
    "reservation",
    "used_code",
    "user_account",
    "api_token",
    "file_request",
    "invitation",
    "oidc_identity",
    "password_reset",
    "user_session",
    "link_grant",
    "report",
    "submission",
)


def _create_tables() -> None:
    op.create_table(
        "audit_entry",
        sa.Column("id", _id(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_id", _id(), nullable=True),
        sa.Column("via", sa.String(length=16), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("subject_id", _id(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_entry")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_audit_entry_at", "audit_entry", ["at"], unique=False)

    op.create_table(
        "blocked_digest",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_blocked_digest")),
    )
    op.create_table(
        "daily_upload",
        sa.Column("holder", _id(), autoincrement=False, nullable=False),
        sa.Column("day", sa.String(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("holder", "day", name=op.f("pk_daily_upload")),
    )
    op.create_table(
        "reservation",
        sa.Column("id", _id(), nullable=False),
        sa.Column("holder", _id(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("links", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("alive_until", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("size_bytes >= 0", name=op.f("ck_reservation_size_bytes")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reservation")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_reservation_holder", "reservation", ["holder"], unique=False)

    op.create_table(
        "used_code",
        sa.Column("code_hash", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("code_hash", name=op.f("pk_used_code")),
    )
    op.create_table(
        "user_account",
        sa.Column("id", _id(), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("name_key", sa.String(length=255), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=True),
        sa.Column("email_key", sa.String(length=254), nullable=True),
        sa.Column("password_hash", sa.String(length=255), nullable=True),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("signed_in_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("max_file_size", sa.BigInteger(), nullable=True),
        sa.Column("quota", sa.BigInteger(), nullable=True),
        sa.Column("max_links", sa.BigInteger(), nullable=True),
        sa.Column("max_lifetime_seconds", sa.BigInteger(), nullable=True),
        sa.Column("daily_upload", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("role IN ('user', 'admin')", name=op.f("ck_user_account_role")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user_account")),
        sa.UniqueConstraint("email_key", name=op.f("uq_user_account_email_key")),
        sa.UniqueConstraint("name_key", name=op.f("uq_user_account_name_key")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "api_token",
        sa.Column("id", _id(), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("user_id", _id(), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("scopes", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["user_account.id"],
            name=op.f("fk_api_token_user_id_user_account"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_token")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_api_token_token_hash")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_api_token_user_id"), "api_token", ["user_id"], unique=False)

    op.create_table(
        "file_request",
        sa.Column("id", _id(), nullable=False),
        sa.Column("code", sa.String(length=64), nullable=False),
        sa.Column("owner_id", _id(), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("allowed_types", sa.Text(), nullable=True),
        sa.Column("max_files", sa.Integer(), nullable=True),
        sa.Column("max_file_size", sa.BigInteger(), nullable=True),
        sa.Column("max_size", sa.BigInteger(), nullable=True),
        sa.Column("password_hash", sa.String(length=255), nullable=True),
        sa.Column("asks_who", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["owner_id"],
            ["user_account.id"],
            name=op.f("fk_file_request_owner_id_user_account"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_file_request")),
        sa.UniqueConstraint("code", name=op.f("uq_file_request_code")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_file_request_owner_id", "file_request", ["owner_id"], unique=False)

    op.create_table(
        "invitation",
        sa.Column("id", _id(), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("inviter_id", _id(), nullable=True),
        sa.Column("email", sa.String(length=254), nullable=True),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("user_id", _id(), nullable=True),
        sa.CheckConstraint("role IN ('user', 'admin')", name=op.f("ck_invitation_role")),
        sa.ForeignKeyConstraint(
            ["inviter_id"],
            ["user_account.id"],
            name=op.f("fk_invitation_inviter_id_user_account"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["user_account.id"],
            name=op.f("fk_invitation_user_id_user_account"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invitation")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_invitation_token_hash")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "oidc_identity",
        sa.Column("id", _id(), nullable=False),
        sa.Column("issuer", sa.String(length=255), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("user_id", _id(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["user_account.id"],
            name=op.f("fk_oidc_identity_user_id_user_account"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_oidc_identity")),
        sa.UniqueConstraint("issuer", "subject", name=op.f("uq_oidc_identity_issuer_subject")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_oidc_identity_user_id"), "oidc_identity", ["user_id"], unique=False)

    op.create_table(
        "password_reset",
        sa.Column("id", _id(), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("user_id", _id(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["user_account.id"],
            name=op.f("fk_password_reset_user_id_user_account"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_password_reset")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_password_reset_token_hash")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_password_reset_user_id"), "password_reset", ["user_id"], unique=False)

    op.create_table(
        "user_session",
        sa.Column("id", _id(), nullable=False),
        sa.Column("session_hash", sa.String(length=64), nullable=False),
        sa.Column("user_id", _id(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("user_agent", sa.String(length=255), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["user_account.id"],
            name=op.f("fk_user_session_user_id_user_account"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user_session")),
        sa.UniqueConstraint("session_hash", name=op.f("uq_user_session_session_hash")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_user_session_expires_at", "user_session", ["expires_at"], unique=False)
    op.create_index("ix_user_session_user_id", "user_session", ["user_id"], unique=False)

    op.create_table(
        "link_grant",
        sa.Column("id", _id(), nullable=False),
        sa.Column("link_id", _id(), nullable=False),
        sa.Column("user_id", _id(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["link_id"], ["link.id"], name=op.f("fk_link_grant_link_id_link"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["user_account.id"],
            name=op.f("fk_link_grant_user_id_user_account"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_link_grant")),
        sa.UniqueConstraint("link_id", "user_id", name=op.f("uq_link_grant_link_id_user_id")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_link_grant_user_id", "link_grant", ["user_id"], unique=False)

    op.create_table(
        "report",
        sa.Column("id", _id(), nullable=False),
        sa.Column("link_id", _id(), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("contact", sa.String(length=254), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("handled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.String(length=16), nullable=True),
        sa.CheckConstraint(
            "outcome IS NULL OR outcome IN ('dismissed', 'taken_down')",
            name=op.f("ck_report_outcome"),
        ),
        sa.ForeignKeyConstraint(
            ["link_id"], ["link.id"], name=op.f("fk_report_link_id_link"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_report_handled_at", "report", ["handled_at"], unique=False)
    op.create_index("ix_report_link_id", "report", ["link_id"], unique=False)

    op.create_table(
        "submission",
        sa.Column("id", _id(), nullable=False),
        sa.Column("link_id", _id(), nullable=False),
        sa.Column("file_request_id", _id(), nullable=False),
        sa.Column("sender_hash", sa.String(length=64), nullable=True),
        sa.Column("sender_name", sa.String(length=200), nullable=True),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("open_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["file_request_id"],
            ["file_request.id"],
            name=op.f("fk_submission_file_request_id_file_request"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["link_id"], ["link.id"], name=op.f("fk_submission_link_id_link"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_submission")),
        sa.UniqueConstraint("link_id", name=op.f("uq_submission_link_id")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_submission_file_request_id", "submission", ["file_request_id"], unique=False
    )
