"""The record, append-only: the logs and their events, how far each door is, what was signed."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, LargeBinary, Table, Text, func
from sqlalchemy.dialects.postgresql import ARRAY, UUID

from tenantry_catalog.tables.base import INSTANT, created, metadata

__all__ = ["checkpoint", "event", "log", "spool"]

# One Merkle tree per workspace, plus one for the installation itself (failed sign-ins, unknown workspaces).
log = Table(
    "log",
    metadata,
    Column("name", Text, primary_key=True),
    Column("size", BigInteger, nullable=False),
    # The roots of the complete subtrees, largest first: all that the next append needs.
    Column("frontier", ARRAY(LargeBinary), nullable=False),
    created(),
    schema="audit",
)

# How far each door's write-ahead log was copied. Moved in the transaction of the copy: exactly once.
spool = Table(
    "spool",
    metadata,
    Column("id", UUID(as_uuid=True), primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("updated_at", INSTANT, nullable=False, server_default=func.now()),
    # The door's machine or pod, when it last said that it lives, and when it stopped with everything shipped.
    # Neither lately: it died, and its directory may hold records that are nowhere else.
    Column("door", Text, nullable=False, server_default=""),
    Column("seen_at", INSTANT, nullable=False, server_default=func.now()),
    Column("drained_at", INSTANT),
    schema="audit",
)

event = Table(
    "event",
    metadata,
    Column("log", Text, primary_key=True),
    Column("index", BigInteger, primary_key=True),
    # The exact bytes that were made durable before the answer left, and that the tree hashes.
    Column("leaf", LargeBinary, nullable=False),
    # Copies of fields inside `leaf`, for search alone. `verify` never reads them.
    Column("event_id", UUID(as_uuid=True), nullable=False),
    Column("time", INSTANT, nullable=False),
    Column("stage", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("project", Text),
    Column("operation", Text, nullable=False),
    Index("ix_event_log_time", "log", "time"),
    Index("ix_event_event_id", "event_id"),
    schema="audit",
)

checkpoint = Table(
    "checkpoint",
    metadata,
    Column("log", Text, primary_key=True),
    Column("size", BigInteger, primary_key=True),
    # The C2SP signed note, whole.
    Column("note", Text, nullable=False),
    created(),
    schema="audit",
)
