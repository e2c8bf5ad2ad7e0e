"""People, sessions, tokens. The door writes all of it."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKeyConstraint, Index, LargeBinary, Table, Text
from sqlalchemy.dialects.postgresql import ARRAY, UUID

from tenantry_catalog.tables.base import INSTANT, created, metadata

__all__ = ["person", "session", "sign_in", "token"]

person = Table(
    "person",
    metadata,
    Column("issuer", Text, primary_key=True),
    Column("subject", Text, primary_key=True),
    Column("email", Text, nullable=False),
    Column("name", Text, nullable=False, server_default=""),
    # As the issuer said at the last sign-in; a token of this person acts with these groups.
    Column("groups", ARRAY(Text), nullable=False, server_default="{}"),
    Column("signed_in_at", INSTANT, nullable=False),
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
    created(),
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
    created(),
    Column("expires_at", INSTANT, nullable=False),
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
    created(),
    Column("expires_at", INSTANT, nullable=False),
    Column("last_used_at", INSTANT),
    Column("revoked_at", INSTANT),
    ForeignKeyConstraint(["issuer", "subject"], ["identity.person.issuer", "identity.person.subject"]),
    Index("ix_token_issuer_subject", "issuer", "subject"),
    schema="identity",
)
