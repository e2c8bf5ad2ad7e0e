"""What exists, who may do what, and where the backends are. The operator writes all of it but `demand`."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    Table,
    Text,
    func,
)
from sqlalchemy.dialects.postgresql import JSONB

from tenantry_catalog.tables.base import INSTANT, created, metadata

__all__ = ["backend", "cluster_key", "demand", "grant", "installation", "project", "revision", "workspace"]

revision = Table(
    "revision",
    metadata,
    Column("id", Integer, CheckConstraint("id = 1", name="single_row"), primary_key=True),
    Column("value", BigInteger, nullable=False),
    schema="catalog",
)

# Marks what is made outside of the catalog, such as databases and buckets: other installations have projects of the
# same names. Chosen at random when the catalog is made, and never changed.
installation = Table(
    "installation",
    metadata,
    Column("id", Integer, CheckConstraint("id = 1", name="single_row"), primary_key=True),
    Column("identity", Text, CheckConstraint("identity ~ '^[0-9a-f]{16}$'", name="identity"), nullable=False),
    schema="catalog",
)

workspace = Table(
    "workspace",
    metadata,
    Column("name", Text, primary_key=True),
    Column("display_name", Text, nullable=False),
    # Set when its manifest is gone and its data is kept: it refuses every request, its audit log stays readable.
    Column("retired_at", INSTANT),
    created(),
    schema="catalog",
)

project = Table(
    "project",
    metadata,
    Column("workspace", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("display_name", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("mlflow_version", Text, nullable=False),
    # The CR's `spec.promotion` and `spec.quota`, camelCase as in the CR.
    Column("promotion", JSONB, nullable=False, server_default="{}"),
    Column("quota", JSONB, nullable=False, server_default="{}"),
    # The CR's status.conditions, so that pages and `tenantry get` show the blocker without a Kubernetes credential.
    Column("conditions", JSONB, nullable=False, server_default="[]"),
    Column("ready", Boolean, nullable=False, server_default="false"),
    # Annotation tenantry.dev/fence: the door refuses every request with 403 until it is lifted.
    Column("fenced", Boolean, nullable=False, server_default="false"),
    Column("retired_at", INSTANT),
    # Where its data is, for whoever looks for it when the manifest is gone: names, and nothing that opens anything.
    Column("database", Text, nullable=False, server_default=""),
    Column("artifacts", Text, nullable=False, server_default=""),
    created(),
    ForeignKeyConstraint(["workspace"], ["catalog.workspace.name"]),
    schema="catalog",
)

grant = Table(
    "grant",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("workspace", Text, nullable=False),
    # NULL: every project of the workspace.
    Column("project", Text),
    Column("role", Text, nullable=False),
    Column("effect", Text, CheckConstraint("effect IN ('allow', 'deny')", name="effect"), nullable=False),
    Column(
        "subject_kind",
        Text,
        CheckConstraint("subject_kind IN ('user', 'group', 'serviceAccount')", name="subject_kind"),
        nullable=False,
    ),
    # An e-mail address, a group's name, or `namespace/name`.
    Column("subject", Text, nullable=False),
    Column("expires_at", INSTANT),
    ForeignKeyConstraint(["workspace"], ["catalog.workspace.name"]),
    ForeignKeyConstraint(["workspace", "project"], ["catalog.project.workspace", "catalog.project.name"]),
    Index("ix_grant_workspace_project", "workspace", "project"),
    schema="catalog",
)

backend = Table(
    "backend",
    metadata,
    Column("workspace", Text, primary_key=True),
    Column("project", Text, primary_key=True),
    Column(
        "state",
        Text,
        CheckConstraint("state IN ('stopped', 'starting', 'running', 'failed')", name="state"),
        nullable=False,
    ),
    # `http://host:port`, set exactly while state is `running`.
    Column("address", Text),
    # What the guard asks for; the door sends it with each request. Changes with each start on one machine.
    Column("secret", Text),
    # For people, when failed: what went wrong and what is being done.
    Column("message", Text, nullable=False, server_default=""),
    Column("since", INSTANT, nullable=False, server_default=func.now()),
    ForeignKeyConstraint(["workspace", "project"], ["catalog.project.workspace", "catalog.project.name"]),
    CheckConstraint("(state = 'running') = (address IS NOT NULL)", name="address_while_running"),
    schema="catalog",
)

# Written by the door: which backends are wanted, and when each was last used. One row a project.
demand = Table(
    "demand",
    metadata,
    Column("workspace", Text, primary_key=True),
    Column("project", Text, primary_key=True),
    # Somebody waits for this backend since; NULL when nobody does. A write here NOTIFYs `demand`.
    Column("wanted_at", INSTANT),
    # The end of the last request, or now while one is open. The operator stops what was idle for too long.
    Column("used_at", INSTANT),
    schema="catalog",
)

# The public keys that the cluster signs its ServiceAccount tokens with, as the operator last read them. A token whose
# key is gone from here is refused: the operator deletes a key that the cluster no longer publishes.
cluster_key = Table(
    "cluster_key",
    metadata,
    # Compared letter by letter with the token's `iss`.
    Column("issuer", Text, primary_key=True),
    Column("kid", Text, primary_key=True),
    # The public key as a JSON Web Key (RFC 7517), with nothing private in it.
    Column("jwk", JSONB, nullable=False),
    Column("first_seen", INSTANT, nullable=False, server_default=func.now()),
    Column("updated_at", INSTANT, nullable=False, server_default=func.now()),
    schema="catalog",
)
