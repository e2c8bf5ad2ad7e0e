"""Sign in and out in a browser."""

from __future__ import annotations

import re

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from tenantry_api.facts import Refusal
from tenantry_api.identify.oidc import SignInError
from tenantry_api.identify.sessions import LIFETIME, Session, cookie_name
from tenantry_api.identify.sign_in import LIFETIME as SIGN_IN_LIFETIME
from tenantry_api.identify.sign_in import Finished
from tenantry_api.routes.dependencies import JournalOf, ServicesOf
from tenantry_api.routes.entering import enter_by_browser, leave, note_failure
from tenantry_api.routes.journal import Journal
from tenantry_api.services import Services
from tenantry_api.web.addresses import local_path
from tenantry_api.web.rendering import render
from tenantry_api.web.visit import Submitted

__all__ = ["router"]

router = APIRouter()

# An error code of OAuth; what else an issuer's redirect says is anybody's text, and is not shown.
_ERROR = re.compile(r"[a-z_]{1,40}")


@router.get("/login")
async def show(request: Request, return_to: str = "/") -> Response:
    return render(request, "login.html", return_to=local_path(return_to))


@router.get("/login/start")
async def start(services: ServicesOf, journal: JournalOf, return_to: str = "/") -> Response:
    try:
        started = await services.identifier.sign_in.start(local_path(return_to))
    except SignInError as error:
        await note_failure(journal, error.reason)
        raise
    response = RedirectResponse(started.url, 303, headers={"Cache-Control": "no-store"})
    _set_cookie(response, services, "tenantry_sign_in", started.state, int(SIGN_IN_LIFETIME.total_seconds()))
    return response


@router.get("/callback")
async def finish(request: Request, services: ServicesOf, journal: JournalOf) -> Response:
    try:
        finished = await _finished(request, services)
    except SignInError as failure:
        await note_failure(journal, failure.reason)
        raise
    return await _entered(request, services, journal, finished)


@router.post("/logout")
async def sign_out(visit: Submitted) -> Response:
    """Ends our session first: whether the issuer can be reached does not matter for that."""
    services = visit.call.services
    await leave(visit.call, visit.session)
    home = f"{services.settings.public_url}/"
    try:
        url = await services.identifier.sign_in.end_url(visit.session.id_token, home)
    except SignInError:
        url = home
    response = RedirectResponse(url, 303, headers={"Cache-Control": "no-store"})
    _set_cookie(response, services, "tenantry_session", "", 0)
    return response


async def _finished(request: Request, services: Services) -> Finished:
    query = request.query_params
    if "error" in query:
        raise SignInError("issuer_refused", f"The sign-in provider said no ({_shown(query['error'])}): begin again.")
    return await services.identifier.sign_in.finish(
        state=query.get("state", ""),
        cookie=request.cookies.get(_name(services, "tenantry_sign_in"), ""),
        code=query.get("code", ""),
    )


async def _entered(request: Request, services: Services, journal: Journal, finished: Finished) -> Response:
    old = await _session_before(request, services)
    value = await enter_by_browser(services, journal, finished, old)
    response = RedirectResponse(finished.return_to, 303, headers={"Cache-Control": "no-store"})
    _set_cookie(response, services, "tenantry_session", value, int(LIFETIME.total_seconds()))
    _set_cookie(response, services, "tenantry_sign_in", "", 0)
    return response


async def _session_before(request: Request, services: Services) -> Session | None:
    """Of this browser, if it had one: signing in again ends it."""
    principal = await services.identifier.identify("GET", request.scope["headers"])
    return None if isinstance(principal, Refusal) else await services.identifier.sessions.of(principal)


def _set_cookie(response: Response, services: Services, name: str, value: str, seconds: int) -> None:
    """Lax, since the issuer's redirect back comes from another site. Zero seconds delete it."""
    response.set_cookie(
        _name(services, name),
        value,
        max_age=seconds,
        path="/",
        httponly=True,
        samesite="lax",
        secure=services.settings.public_url.startswith("https://"),
    )


def _name(services: Services, name: str) -> str:
    return cookie_name(services.settings.public_url, name)


def _shown(error: str) -> str:
    return error if _ERROR.fullmatch(error) else "without a reason that can be shown"
