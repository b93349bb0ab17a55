"""Sessions, turns and clicks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_ID = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Create the three tables."""
    op.create_table(
        "sessions",
        sa.Column("session_id", _ID, primary_key=True),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("client_id", sa.Text),
        sa.Column("time", sa.Double, nullable=False),
        sa.CheckConstraint("source IN ('simulated', 'live')", name="sessions_source"),
    )
    op.create_index("sessions_by_time", "sessions", ["time", "session_id"])
    op.create_table(
        "turns",
        sa.Column("query_id", _ID, primary_key=True),
        sa.Column("session_id", _ID, sa.ForeignKey("sessions.session_id"), nullable=False),
        sa.Column("step", sa.Integer, nullable=False),
        sa.Column("query", sa.Text, nullable=False),
        sa.Column("rewrite", sa.Text),
        sa.Column("shown", sa.Text, nullable=False),
        sa.Column("attributes", sa.Text, nullable=False),
        sa.Column("time", sa.Double, nullable=False),
    )
    op.create_index("turns_by_session", "turns", ["session_id", "step"])
    op.create_table(
        "clicks",
        sa.Column("query_id", _ID, sa.ForeignKey("turns.query_id"), primary_key=True),
        sa.Column("doc_id", _ID, primary_key=True),
        sa.Column("rank", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("time", sa.Double, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
    )
