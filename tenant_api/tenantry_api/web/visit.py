"""A page view by somebody who is signed in; everybody else is sent to the sign-in page."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated
from urllib.parse import quote

from fastapi import Depends, Form, Request
from starlette.responses import HTMLResponse

from tenantry_api.errors import Refused
from tenantry_api.facts import Refusal
from tenantry_api.identify.sessions import Session
from tenantry_api.routes.dependencies import Call, JournalOf, ServicesOf, check_csrf, identified
from tenantry_api.routes.visible import audited_workspaces
from tenantry_api.web.rendering import render

__all__ = ["Submitted", "Visit", "VisitOf", "see_other", "visit"]


@dataclass(frozen=True, slots=True)
class Visit:
    request: Request
    call: Call
    session: Session

    def render(self, template: str, *, status: int = 200, **values: object) -> HTMLResponse:
        frame = {
            "csrf": self.session.csrf,
            "may_audit": bool(audited_workspaces(self.call.services, self.call.me)),
            "me": self.session.person,
        }
        return render(self.request, template, status=status, **frame, **values)


def see_other(path: str) -> Refused:
    """Not a refusal of anything: the browser goes elsewhere first, so it is not put on record."""
    elsewhere = Refusal(HTTPStatus.SEE_OTHER, "UNAUTHENTICATED", "elsewhere", "Sign in first.")
    return Refused(elsewhere, headers=[(b"location", path.encode("ascii"))])


async def visit(request: Request, services: ServicesOf, journal: JournalOf) -> Visit:
    """By session only: pages are not for programs."""
    principal = await identified(request, services)
    if isinstance(principal, Refusal):
        if principal.status == HTTPStatus.UNAUTHORIZED and request.method == "GET":
            raise see_other(_sign_in(request))
        raise Refused(principal)
    session = await services.identifier.sessions.of(principal)
    if session is None:
        raise see_other(_sign_in(request))
    request.state.principal = principal
    return Visit(request, Call(services, journal, principal), session)


VisitOf = Annotated[Visit, Depends(visit)]


async def submitted(visit: VisitOf, csrf: Annotated[str, Form()] = "") -> Visit:
    """A visit that sends a form of ours."""
    await check_csrf(visit.call, csrf)
    return visit


Submitted = Annotated[Visit, Depends(submitted)]


def _sign_in(request: Request) -> str:
    query = f"?{request.url.query}" if request.url.query else ""
    return f"/login?return_to={quote(request.url.path + query, safe='')}"
