"""Somebody comes in or goes: what is stored and what is recorded, for browsers and for shells."""

from __future__ import annotations

from datetime import UTC, datetime

from tenantry_api.facts import Principal, PrincipalKind
from tenantry_api.identify.people import Person, remember
from tenantry_api.identify.sessions import Session
from tenantry_api.identify.sign_in import Finished
from tenantry_api.routes.dependencies import Call
from tenantry_api.routes.journal import ANONYMOUS, Journal
from tenantry_api.services import Services

__all__ = ["enter_by_browser", "enter_by_id_token", "leave", "note_failure"]


async def enter_by_browser(services: Services, journal: Journal, finished: Finished, old: Session | None) -> str:
    """Open a session and return its cookie's value. The session that the browser had before ends."""
    person, sessions = finished.claims.person, services.identifier.sessions
    async with services.engine.begin() as connection:
        await remember(connection, person, datetime.now(UTC))
        if old is not None:
            await sessions.end(connection, old.id_hash)
        cookie = await sessions.open(connection, person, finished.id_token, finished.claims.session)
        await journal.notice(_principal(person), "identity.sign_in", _details(person, "browser"))
    services.identifier.forget()
    return cookie


async def enter_by_id_token(services: Services, journal: Journal, id_token: str) -> Principal:
    """Raises `SignInError` unless the token is to be believed."""
    claims = await services.identifier.sign_in.issuer.verify_of_shell(id_token)
    principal = _principal(claims.person)
    async with services.engine.begin() as connection:
        await remember(connection, claims.person, datetime.now(UTC))
        await journal.notice(principal, "identity.sign_in", _details(claims.person, "id_token"))
    services.identifier.forget()
    return principal


async def leave(call: Call, session: Session) -> None:
    async with call.services.engine.begin() as connection:
        await call.services.identifier.sessions.end(connection, session.id_hash)
        await call.journal.notice(call.me, "identity.sign_out", {})
    call.services.identifier.forget()


async def note_failure(journal: Journal, reason: str) -> None:
    await journal.notice(ANONYMOUS, "identity.sign_in_failed", {"reason": reason})


def _principal(person: Person) -> Principal:
    return Principal(PrincipalKind.PERSON, person.email, person.issuer, person.subject, person.groups)


def _details(person: Person, by: str) -> dict[str, str | list[str]]:
    return {"by": by, "groups": sorted(person.groups)}
