"""The first catalog."""

from __future__ import annotations

from alembic import op

from tenantry_catalog.tables import metadata
from tenantry_catalog.triggers import STATEMENTS

revision = "0001"
down_revision = None

_SCHEMAS = ("catalog", "identity", "audit")
# Tables of later revisions, which make them.
_LATER = frozenset({"catalog.cluster_key", "catalog.installation"})


def upgrade() -> None:
    for schema in _SCHEMAS:
        op.execute(f"CREATE SCHEMA {schema}")
    tables = [table for table in metadata.sorted_tables if table.fullname not in _LATER]
    metadata.create_all(op.get_bind(), tables=tables)
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    for schema in reversed(_SCHEMAS):
        op.execute(f"DROP SCHEMA {schema} CASCADE")
