"""Which door each spool is of, and whether it lives."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"

_COLUMNS = {
    "door": "text NOT NULL DEFAULT ''",
    "seen_at": "timestamptz NOT NULL DEFAULT now()",
    "drained_at": "timestamptz",
}


def upgrade() -> None:
    # A catalog that is made anew has them already: the first revision makes tables as they are now.
    for name, kind in _COLUMNS.items():
        op.execute(f"ALTER TABLE audit.spool ADD COLUMN IF NOT EXISTS {name} {kind}")


def downgrade() -> None:
    for name in _COLUMNS:
        op.execute(f"ALTER TABLE audit.spool DROP COLUMN {name}")
