"""keep tallies of what happened"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_COUNTERS = (
    *("downloads", "downloads_completed", "downloads_handed_over"),
    *("deliveries", "deliveries_completed", "deliveries_handed_over", "deliveries_resumed"),
    *("resumes", "reached_25", "reached_50", "reached_75", "bytes_sent", "bytes_arrived"),
    *("clients", "opened", "previews", "bots", "wrong_passwords"),
    *("refused_expired", "refused_exhausted", "refused_revoked"),
    *("links", "files", "bytes_received"),
)
# What a slot and a visit know of who came.
_WHO = {"family": 40, "system": 40, "country": 2, "referrer": 253}


def upgrade() -> None:
    for name, length in {"visitor": 32, **_WHO, "address": 45}.items():
        op.add_column("slot", sa.Column(name, sa.String(length=length), nullable=True))
    for name, kind in (("bytes_arrived", sa.BigInteger()), ("resumes", sa.Integer())):
        column = sa.Column(name, kind, server_default="0", nullable=False)
        op.add_column("delivery", column)
    _make_tables()
    # What has ended is added to the tallies by the next purge, which ends it once more.
    op.execute("UPDATE slot SET client = '' WHERE client IS NULL")
    op.execute("UPDATE slot SET ended_at = NULL WHERE ended_at IS NOT NULL")
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    op.execute(_ARRIVED_SQLITE if is_sqlite else _ARRIVED_POSTGRESQL)


def downgrade() -> None:
    op.execute(
        "UPDATE slot SET client = NULL, ended_at = ends_at WHERE client = '' AND ended_at IS NULL"
    )
    for table in ("seen_client", "breakdown", "tally", "visit"):
        op.drop_table(table)
    for name in ("bytes_arrived", "resumes"):
        op.drop_column("delivery", name)
    for name in ("visitor", *_WHO, "address"):
        op.drop_column("slot", name)


_ARRIVED_SQLITE = """
UPDATE delivery SET bytes_arrived = (
    SELECT coalesce(sum(json_extract(value, '$[1]') - json_extract(value, '$[0]')), 0)
    FROM json_each(delivery.ranges)
)
"""
_ARRIVED_POSTGRESQL = """
UPDATE delivery SET bytes_arrived = (
    SELECT coalesce(sum((pair->>1)::bigint - (pair->>0)::bigint), 0)
    FROM json_array_elements(delivery.ranges) AS pair
)
"""


def _make_tables() -> None:
    op.create_table(
        "visit",
        sa.Column("id", _id(), nullable=False),
        sa.Column("link_id", _id(), nullable=False),
        sa.Column("file_id", _id(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        *(sa.Column(name, sa.String(length=length)) for name, length in _WHO.items()),
        sa.Column("links", sa.Integer(), server_default="0", nullable=False),
        sa.Column("files", sa.Integer(), server_default="0", nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(
            ["link_id"], ["link.id"], name=op.f("fk_visit_link_id_link"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_visit")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_visit_link_id", "visit", ["link_id"])
    op.create_table(
        "tally",
        *_place(),
        *(_counter(name) for name in _COUNTERS),
        sa.PrimaryKeyConstraint("scope", "subject_id", "step", "at", name=op.f("pk_tally")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_tally_step", "tally", ["scope", "step", "at"])
    op.create_table(
        "breakdown",
        *_place(),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("value", sa.String(length=253), nullable=False),
        _counter("downloads"),
        _counter("opened"),
        sa.PrimaryKeyConstraint(
            *("scope", "subject_id", "step", "at", "kind", "value"), name=op.f("pk_breakdown")
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "seen_client",
        sa.Column("scope", sa.String(length=8), nullable=False),
        sa.Column("subject_id", _id(), autoincrement=False, nullable=False),
        sa.Column("visitor", sa.String(length=32), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("scope", "subject_id", "visitor", name=op.f("pk_seen_client")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_seen_client_day", "seen_client", ["day"])


def _place() -> list[sa.Column[Any]]:
    return [
        sa.Column("scope", sa.String(length=8), nullable=False),
        sa.Column("subject_id", _id(), autoincrement=False, nullable=False),
        sa.Column("step", sa.String(length=8), nullable=False),
        sa.Column("at", sa.BigInteger(), autoincrement=False, nullable=False),
    ]


def _counter(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger(), server_default=sa.text("0"), nullable=False)


def _id() -> Any:
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")
