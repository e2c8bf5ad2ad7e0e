"""Tokens of people and their programs: shown once, kept as SHA-256, expiring, revocable, and only ever narrowing.

A token acts as its owner, with the groups that the issuer named at the owner's last sign-in, within its scope.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, Row, Uuid, bindparam, func, select, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from uuid_utils.compat import uuid7

from tenantry_api.facts import Permission, Principal, PrincipalKind, Refusal, TokenScope
from tenantry_api.identify import refusals
from tenantry_api.identify.cache import Cache
from tenantry_api.identify.people import Person
from tenantry_api.identify.secrets import digest, new_token
from tenantry_catalog import tables

__all__ = ["NewToken", "Token", "Tokens"]

# A revoked token is dropped by a notification; this bounds how long one lives on if the listener is down.
_MAX_AGE = 60.0


@dataclass(frozen=True, slots=True)
class NewToken:
    """What its owner asks for."""

    name: str
    scope: TokenScope
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Token:
    """What is kept of a token: all but its secret."""

    id: UUID
    name: str
    owner: Person
    scope: TokenScope
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None

    @property
    def principal(self) -> Principal:
        return Principal(
            kind=PrincipalKind.PERSON,
            name=self.owner.email,
            issuer=self.owner.issuer,
            subject=self.owner.subject,
            groups=self.owner.groups,
            token_id=str(self.id),
            scope=self.scope,
        )


class Tokens:
    """Create, find, list and revoke tokens. Every method may raise what `DATABASE_ERRORS` lists."""

    def __init__(self, engine: AsyncEngine, now: Callable[[], datetime]) -> None:
        self._engine = engine
        self._now = now
        self._cache: Cache[Token] = Cache(max_age=_MAX_AGE)
        self._used: dict[UUID, datetime] = {}

    async def identify(self, secret: str) -> Principal | Refusal:
        token = await self._cache.get(digest(secret), self._load)
        if token is None:
            return refusals.TOKEN_UNKNOWN
        if token.revoked_at is not None:
            return refusals.TOKEN_REVOKED
        if token.expires_at <= self._now():
            return refusals.TOKEN_EXPIRED
        self._used[token.id] = self._now()
        return token.principal

    async def create(self, connection: AsyncConnection, owner: Principal, wanted: NewToken) -> tuple[UUID, str]:
        """The new token's id, and its secret, which is not to be had again. Valid once `connection` has committed."""
        identifier, secret = uuid7(), new_token()
        permissions = wanted.scope.permissions
        statement = tables.token.insert().values(
            id=identifier,
            hash=digest(secret),
            name=wanted.name,
            issuer=owner.issuer,
            subject=owner.subject,
            workspace=wanted.scope.workspace,
            project=wanted.scope.project,
            permissions=None if permissions is None else sorted(permissions),
            expires_at=wanted.expires_at,
        )
        await connection.execute(statement)
        return identifier, secret

    async def of(self, owner: Principal) -> list[Token]:
        """The owner's tokens, newest first, revoked and expired ones too."""
        mine = (tables.token.c.issuer == owner.issuer) & (tables.token.c.subject == owner.subject)
        async with self._engine.connect() as connection:
            rows = await connection.execute(_QUERY.where(mine).order_by(tables.token.c.created_at.desc()))
        return [_token(row) for row in rows]

    async def revoke(self, connection: AsyncConnection, owner: Principal, identifier: UUID) -> bool:
        """False if the owner has no such token. Revoking twice keeps the first time."""
        token = tables.token
        mine = (token.c.id == identifier) & (token.c.issuer == owner.issuer) & (token.c.subject == owner.subject)
        revoked = func.coalesce(token.c.revoked_at, self._now())
        result = await connection.execute(update(token).where(mine).values(revoked_at=revoked))
        return result.rowcount == 1

    async def flush_used(self) -> None:
        """Write when tokens were last used, all in one statement. What fails is kept for the next time."""
        used, self._used = self._used, {}
        if not used:
            return
        try:
            await self._write_used(used)
        except BaseException:
            self._used = {**used, **self._used}
            raise

    def forget(self) -> None:
        self._cache.forget()

    async def _write_used(self, used: dict[UUID, datetime]) -> None:
        ids = bindparam("ids", list(used), type_=ARRAY(Uuid))
        times = bindparam("times", list(used.values()), type_=ARRAY(DateTime(timezone=True)))
        pairs = func.unnest(ids, times).table_valued("id", "at").render_derived()
        statement = update(tables.token).where(tables.token.c.id == pairs.c.id).values(last_used_at=pairs.c.at)
        async with self._engine.begin() as connection:
            await connection.execute(statement)

    async def _load(self, token_hash: bytes) -> Token | None:
        async with self._engine.connect() as connection:
            row = (await connection.execute(_QUERY.where(tables.token.c.hash == token_hash))).one_or_none()
        return None if row is None else _token(row)


_QUERY = select(
    tables.token,
    tables.person.c.email,
    tables.person.c.name.label("owner_name"),
    tables.person.c.groups,
).join(tables.person)


def _token(row: Row[Any]) -> Token:
    return Token(
        id=row.id,
        name=row.name,
        owner=Person(row.issuer, row.subject, row.email, row.owner_name, frozenset(row.groups)),
        scope=TokenScope(row.workspace, row.project, _permissions(row.permissions)),
        created_at=row.created_at,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
        revoked_at=row.revoked_at,
    )


def _permissions(names: Sequence[str] | None) -> frozenset[Permission] | None:
    """Names that this version does not know are left out: a scope may shrink by a downgrade, never grow."""
    known = {permission.value for permission in Permission}
    return None if names is None else frozenset(Permission(name) for name in names if name in known)
