"""Who signed in, as the issuer described them; kept so that their tokens act with their groups."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from tenantry_catalog import tables

__all__ = ["Person", "remember"]


@dataclass(frozen=True, slots=True)
class Person:
    """`issuer` and `subject` identify; `email` is what grants name."""

    issuer: str
    subject: str
    email: str
    name: str
    groups: frozenset[str]


async def remember(connection: AsyncConnection, person: Person, at: datetime) -> None:
    """Store the person as of this sign-in. Groups that the issuer no longer names are gone with it."""
    values = {
        "email": person.email,
        "name": person.name,
        "groups": sorted(person.groups),
        "signed_in_at": at,
    }
    statement = insert(tables.person).values(issuer=person.issuer, subject=person.subject, **values)
    await connection.execute(statement.on_conflict_do_update(index_elements=["issuer", "subject"], set_=values))
