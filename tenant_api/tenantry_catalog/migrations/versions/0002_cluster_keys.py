"""The keys that the cluster signs ServiceAccount tokens with."""

from __future__ import annotations

from alembic import op

from tenantry_catalog.tables import cluster_key
from tenantry_catalog.triggers import bump_revision_on

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    cluster_key.create(op.get_bind())
    op.execute(bump_revision_on("cluster_key"))


def downgrade() -> None:
    cluster_key.drop(op.get_bind())
