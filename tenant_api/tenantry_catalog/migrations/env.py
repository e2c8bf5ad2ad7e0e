"""Alembic's entry: runs on the connection that `tenantry_catalog.migrate` opened, in its transaction."""

from __future__ import annotations

from alembic import context

from tenantry_catalog.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table="catalog_version",
)
context.run_migrations()
