"""Every table of the catalog, in three PostgreSQL schemas with one writer each.

`catalog` is written by the operator (and read by the door), except `demand`, which the door writes.
`identity` is written by the door alone. `audit` is appended to by the door; nobody updates a record.

Triggers (see `triggers.py`) bump `catalog.revision` and NOTIFY on every change, in the transaction of the
change: no writer can forget it, and what a reader sees after the notification is what was committed.
"""

from __future__ import annotations

from tenantry_catalog.tables.audit import checkpoint, event, log, spool
from tenantry_catalog.tables.base import metadata
from tenantry_catalog.tables.catalog import (
    backend,
    cluster_key,
    demand,
    grant,
    installation,
    project,
    revision,
    workspace,
)
from tenantry_catalog.tables.identity import person, session, sign_in, token

__all__ = [
    "backend",
    "checkpoint",
    "cluster_key",
    "demand",
    "event",
    "grant",
    "installation",
    "log",
    "metadata",
    "person",
    "project",
    "revision",
    "session",
    "sign_in",
    "spool",
    "token",
    "workspace",
]
