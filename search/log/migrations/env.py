"""Alembic executes this file for every migration, with the connection that `database.migrate` opened and locked.

There is no offline mode (SQL to a file) and no `alembic.ini`. The file cannot be imported outside a migration.
"""

from __future__ import annotations

from alembic import context

context.configure(connection=context.config.attributes["connection"], target_metadata=None)
context.run_migrations()
