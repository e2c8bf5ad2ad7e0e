"""What tells this installation from every other."""

from __future__ import annotations

import secrets

from alembic import op

from tenantry_catalog.tables import installation

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    installation.create(op.get_bind())
    op.execute(installation.insert().values(id=1, identity=secrets.token_hex(8)))


def downgrade() -> None:
    installation.drop(op.get_bind())
