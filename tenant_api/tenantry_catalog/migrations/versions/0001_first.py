"""The first catalog."""

from __future__ import annotations

from alembic import op

from tenantry_catalog.tables import metadata
from tenantry_catalog.triggers import STATEMENTS

revision = "0001"
down_revision = None

_SCHEMAS = ("catalog", "identity", "audit")


def upgrade() -> None:
    for schema in _SCHEMAS:
        op.execute(f"CREATE SCHEMA {schema}")
    # Until the first release the tables are the migration; from then on a change is a revision of its own.
    metadata.create_all(op.get_bind())
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    for schema in reversed(_SCHEMAS):
        op.execute(f"DROP SCHEMA {schema} CASCADE")
