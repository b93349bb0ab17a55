"""A column `rewriter_version`, copied from the attributes, so that statistics can group by it."""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_BATCH = 5_000


def upgrade() -> None:
    """Add the column, and fill it for the turns that are logged already."""
    op.add_column("turns", sa.Column("rewriter_version", sa.Text))
    connection = op.get_bind()
    turns = sa.table("turns", sa.column("query_id"), sa.column("attributes"), sa.column("rewriter_version"))
    after = ""
    while True:
        page = sa.select(turns.c.query_id, turns.c.attributes).where(turns.c.query_id > after)
        rows = connection.execute(page.order_by(turns.c.query_id).limit(_BATCH)).all()
        if not rows:
            return
        after = rows[-1].query_id
        versions = [(row.query_id, json.loads(row.attributes).get("rewriter_version")) for row in rows]
        values = [{"key": query_id, "version": str(version)} for query_id, version in versions if version is not None]
        if values:
            update = turns.update().where(turns.c.query_id == sa.bindparam("key"))
            connection.execute(update.values(rewriter_version=sa.bindparam("version")), values)
