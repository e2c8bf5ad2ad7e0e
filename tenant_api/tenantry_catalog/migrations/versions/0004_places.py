"""Where a project's data is."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"

_COLUMNS = ("database", "artifacts")


def upgrade() -> None:
    # A catalog that is made anew has them already: the first revision makes tables as they are now.
    for name in _COLUMNS:
        op.execute(f"ALTER TABLE catalog.project ADD COLUMN IF NOT EXISTS {name} text NOT NULL DEFAULT ''")


def downgrade() -> None:
    for name in _COLUMNS:
        op.execute(f"ALTER TABLE catalog.project DROP COLUMN {name}")
