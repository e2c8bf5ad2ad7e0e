"""Bring a catalog's database to the newest revision: `python -m tenantry_catalog.migrate`.

Reads `TENANTRY_CATALOG_OWNER_URL`. Safe to run twice, and by two processes at once: alembic runs in one transaction
behind an advisory lock.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text

from tenantry_catalog.engine import sync_engine

__all__ = ["downgrade", "main", "upgrade"]

# Any number will do, so long as every version of Tenantry takes the same one.
_LOCK = 7_236_841_190


def upgrade(url: str, revision: str = "head") -> None:
    """Upgrade the database at `url`, as the role that shall own the tables."""
    _run(url, lambda config: command.upgrade(config, revision))


def downgrade(url: str, revision: str = "base") -> None:
    """Undo migrations. For tests, and for an operator who knows what is lost with the tables."""
    _run(url, lambda config: command.downgrade(config, revision))


def _run(url: str, action: Callable[[Config], None]) -> None:
    engine = sync_engine(url, application="tenantry-migrate")
    try:
        with engine.begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            action(_config(connection))
    finally:
        engine.dispose()


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    config.attributes["connection"] = connection
    return config


def main() -> int:
    url = os.environ.get("TENANTRY_CATALOG_OWNER_URL")
    if not url:
        return 2
    upgrade(url)
    return 0


if __name__ == "__main__":
    sys.exit(main())
