"""Sessions of signed-in browsers: the browser holds an opaque identifier, the database its SHA-256 and all the rest."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from tenantry_api.facts import Principal, PrincipalKind, Refusal
from tenantry_api.identify import refusals
from tenantry_api.identify.cache import Cache
from tenantry_api.identify.people import Person
from tenantry_api.identify.secrets import digest, new_session_id
from tenantry_catalog import tables

__all__ = ["LIFETIME", "Session", "Sessions", "cookie_name"]

# A working day. It is absolute: use does not prolong it, so a stolen cookie is of no use the day after.
LIFETIME = timedelta(hours=12)

# A session that ended is dropped by a notification; this bounds how long one lives on if the listener is down.
_MAX_AGE = 60.0


@dataclass(frozen=True, slots=True)
class Session:
    """`csrf` is what our forms repeat, `id_token` what the issuer's end_session endpoint asks for."""

    id_hash: bytes
    person: Person
    csrf: str
    id_token: str
    expires_at: datetime

    @property
    def principal(self) -> Principal:
        return Principal(
            kind=PrincipalKind.PERSON,
            name=self.person.email,
            issuer=self.person.issuer,
            subject=self.person.subject,
            groups=self.person.groups,
            session_id=self.id_hash.hex(),
        )


def cookie_name(public_url: str, name: str = "tenantry_session") -> str:
    """`__Host-` makes browsers refuse the cookie from any other host or path, and without TLS; so only with TLS."""
    return f"__Host-{name}" if public_url.startswith("https://") else name


class Sessions:
    """Open, find and end sessions. Every method may raise what `DATABASE_ERRORS` lists."""

    def __init__(self, engine: AsyncEngine, now: Callable[[], datetime]) -> None:
        self._engine = engine
        self._now = now
        self._cache: Cache[Session] = Cache(max_age=_MAX_AGE)

    async def open(self, connection: AsyncConnection, person: Person, id_token: str, issuer_session: str | None) -> str:
        """Start a session and return the cookie's value. Always a new one: what the browser sent is never adopted."""
        value = new_session_id()
        statement = tables.session.insert().values(
            id_hash=digest(value),
            issuer=person.issuer,
            subject=person.subject,
            csrf=secrets.token_urlsafe(32),
            issuer_session=issuer_session,
            id_token=id_token,
            expires_at=self._now() + LIFETIME,
        )
        await connection.execute(statement)
        return value

    async def identify(self, cookie: str) -> Principal | Refusal:
        session = await self._cache.get(digest(cookie), self._load)
        if session is None:
            return refusals.SESSION_UNKNOWN
        return session.principal if session.expires_at > self._now() else refusals.SESSION_EXPIRED

    async def of(self, principal: Principal) -> Session | None:
        """The session by which the principal was identified; None for a token's, or if it has just ended."""
        if principal.session_id is None:
            return None
        return await self._cache.get(bytes.fromhex(principal.session_id), self._load)

    async def end(self, connection: AsyncConnection, id_hash: bytes) -> None:
        await connection.execute(delete(tables.session).where(tables.session.c.id_hash == id_hash))

    async def sweep(self) -> None:
        """Delete what has expired. A row is kept an hour longer, to tell `expired` from `unknown`."""
        async with self._engine.begin() as connection:
            past = tables.session.c.expires_at < self._now() - timedelta(hours=1)
            await connection.execute(delete(tables.session).where(past))

    def forget(self) -> None:
        self._cache.forget()

    async def _load(self, id_hash: bytes) -> Session | None:
        session, person = tables.session, tables.person
        query = select(session, person.c.email, person.c.name, person.c.groups).join(person)
        async with self._engine.connect() as connection:
            row = (await connection.execute(query.where(session.c.id_hash == id_hash))).one_or_none()
        if row is None:
            return None
        owner = Person(row.issuer, row.subject, row.email, row.name, frozenset(row.groups))
        return Session(row.id_hash, owner, row.csrf, row.id_token, row.expires_at)
