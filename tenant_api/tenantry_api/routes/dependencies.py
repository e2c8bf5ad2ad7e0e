"""What the routes ask for: who calls, with the services at hand, and on record before the answer."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from tenantry_api.errors import Refused
from tenantry_api.facts import Principal, Refusal
from tenantry_api.routes.journal import Journal
from tenantry_api.services import Services

__all__ = [
    "Call",
    "CallOf",
    "JournalOf",
    "ServicesOf",
    "call",
    "check_csrf",
    "identified",
    "journal",
    "noticed",
    "services",
]

_UNSAFE = frozenset({"DELETE", "PATCH", "POST", "PUT"})

_CSRF_MISMATCH = Refusal(
    403,
    "PERMISSION_DENIED",
    "csrf_mismatch",
    "The CSRF token is missing or old: reload the page. (Scripts in it send GET /api/v1/me's as X-CSRF-Token.)",
)


@dataclass(frozen=True, slots=True)
class Call:
    """One call by somebody who is known."""

    services: Services
    journal: Journal
    me: Principal


def services(request: Request) -> Services:
    found: Services = request.app.state.services
    return found


ServicesOf = Annotated[Services, Depends(services)]


def journal(request: Request, services: ServicesOf) -> Journal:
    return Journal.of(request, services.recorder)


JournalOf = Annotated[Journal, Depends(journal)]


# Says so in the OpenAPI document; the identifier reads the header itself.
_BEARER = HTTPBearer(auto_error=False, description="A token of Tenantry (tnt_…); the session's cookie will do as well.")
Bearer = Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)]


async def identified(request: Request, services: Services) -> Principal | Refusal:
    """Who asks. Raises `Refused` (503) at once while the catalog is away, and does not wait to hear nothing of it."""
    services.snapshot.current()
    return await services.identifier.identify(request.method, request.scope["headers"])


async def call(request: Request, services: ServicesOf, journal: JournalOf, _bearer: Bearer = None) -> Call:
    """Who calls, by token or by session. A session's unsafe calls need its CSRF token besides the same origin."""
    principal = await identified(request, services)
    if isinstance(principal, Refusal):
        raise Refused(principal)
    request.state.principal = principal
    found = Call(services, journal, principal)
    if principal.session_id is not None and request.method in _UNSAFE:
        await check_csrf(found, request.headers.get("x-csrf-token", ""))
    return found


CallOf = Annotated[Call, Depends(call)]


async def check_csrf(call: Call, given: str) -> None:
    session = await call.services.identifier.sessions.of(call.me)
    if session is None or not hmac.compare_digest(session.csrf.encode(), given.encode()):
        raise Refused(_CSRF_MISMATCH)


def noticed(operation: str) -> Callable[[Request, Call], Awaitable[Call]]:
    """The call, on record before its route runs. For reads; a write says more, and says it itself."""

    async def record(request: Request, call: CallOf) -> Call:
        await call.journal.notice(call.me, operation, {"path": request.url.path})
        return call

    return record
