"""Every table of the catalog, in three PostgreSQL schemas with one writer each.

`catalog` is written by the operator (and read by the door), except `demand`, which the door writes.
`identity` is written by the door alone. `audit` is appended to by the door; nobody updates a record.

Triggers (see `triggers.py`) bump `catalog.revision` and NOTIFY on every change, in the transaction of the
change: no writer can forget it, and what a reader sees after the notification is what was committed.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    func,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, UUID

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

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_Instant = DateTime(timezone=True)


def _created() -> Column[object]:
    return Column("created_at", _Instant, nullable=False, server_default=func.now())


# ---------------------------------------------------------------- catalog: what exists, and who may do what

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
    Column("retired_at", _Instant),
    _created(),
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
    Column("retired_at", _Instant),
    # Where its data is, for whoever looks for it when the manifest is gone: names, and nothing that opens anything.
    Column("database", Text, nullable=False, server_default=""),
    Column("artifacts", Text, nullable=False, server_default=""),
    _created(),
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
    Column("expires_at", _Instant),
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
    Column("since", _Instant, nullable=False, server_default=func.now()),
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
    Column("wanted_at", _Instant),
    # The end of the last request, or now while one is open. The operator stops what was idle for too long.
    Column("used_at", _Instant),
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
    Column("first_seen", _Instant, nullable=False, server_default=func.now()),
    Column("updated_at", _Instant, nullable=False, server_default=func.now()),
    schema="catalog",
)

# ---------------------------------------------------------------- identity: people, sessions, tokens

person = Table(
    "person",
    metadata,
    Column("issuer", Text, primary_key=True),
    Column("subject", Text, primary_key=True),
    Column("email", Text, nullable=False),
    Column("name", Text, nullable=False, server_default=""),
    # As the issuer said at the last sign-in; a token of this person acts with these groups.
    Column("groups", ARRAY(Text), nullable=False, server_default="{}"),
    Column("signed_in_at", _Instant, nullable=False),
    schema="identity",
)

# A sign-in under way: between our redirect to the issuer and its redirect back. Rows live for ten minutes.
sign_in = Table(
    "sign_in",
    metadata,
    Column("state_hash", LargeBinary, primary_key=True),
    Column("nonce", Text, nullable=False),
    Column("verifier", Text, nullable=False),
    Column("return_to", Text, nullable=False),
    _created(),
    schema="identity",
)

session = Table(
    "session",
    metadata,
    # SHA-256 of the cookie's value: a copy of this table signs nobody in.
    Column("id_hash", LargeBinary, primary_key=True),
    Column("issuer", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("csrf", Text, nullable=False),
    # The issuer's own session, for its logout messages, and the ID token that its end_session asks for as a hint.
    Column("issuer_session", Text),
    Column("id_token", Text, nullable=False),
    _created(),
    Column("expires_at", _Instant, nullable=False),
    ForeignKeyConstraint(["issuer", "subject"], ["identity.person.issuer", "identity.person.subject"]),
    schema="identity",
)

token = Table(
    "token",
    metadata,
    Column("id", UUID(as_uuid=True), primary_key=True),
    # SHA-256 of the whole token, prefix included.
    Column("hash", LargeBinary, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("issuer", Text, nullable=False),
    Column("subject", Text, nullable=False),
    # What the token is bound to; NULL: whatever its owner may do. It never adds to what the owner may do.
    Column("workspace", Text),
    Column("project", Text),
    Column("permissions", ARRAY(Text)),
    _created(),
    Column("expires_at", _Instant, nullable=False),
    Column("last_used_at", _Instant),
    Column("revoked_at", _Instant),
    ForeignKeyConstraint(["issuer", "subject"], ["identity.person.issuer", "identity.person.subject"]),
    Index("ix_token_issuer_subject", "issuer", "subject"),
    schema="identity",
)

# ---------------------------------------------------------------- audit: append-only

# One Merkle tree per workspace, plus one for the installation itself (failed sign-ins, unknown workspaces).
log = Table(
    "log",
    metadata,
    Column("name", Text, primary_key=True),
    Column("size", BigInteger, nullable=False),
    # The roots of the complete subtrees, largest first: all that the next append needs.
    Column("frontier", ARRAY(LargeBinary), nullable=False),
    _created(),
    schema="audit",
)

# How far each door's write-ahead log was copied. Moved in the transaction of the copy: exactly once.
spool = Table(
    "spool",
    metadata,
    Column("id", UUID(as_uuid=True), primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("updated_at", _Instant, nullable=False, server_default=func.now()),
    # The door's machine or pod, when it last said that it lives, and when it stopped with everything shipped.
    # Neither lately: it died, and its directory may hold records that are nowhere else.
    Column("door", Text, nullable=False, server_default=""),
    Column("seen_at", _Instant, nullable=False, server_default=func.now()),
    Column("drained_at", _Instant),
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
    Column("time", _Instant, nullable=False),
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
    _created(),
    schema="audit",
)
