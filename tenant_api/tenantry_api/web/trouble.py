"""One place where errors become answers: on record first, then a page for people, a problem document for programs."""

from __future__ import annotations

from http import HTTPStatus

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from tenantry_api.errors import DATABASE_ERRORS, Refused, internal_error, record_unavailable
from tenantry_api.facts import Decision, Refusal
from tenantry_api.identify import refusals
from tenantry_api.identify.oidc import SignInError
from tenantry_api.pipeline import Door
from tenantry_api.record.recorder import RecordUnavailable
from tenantry_api.routes.journal import Journal
from tenantry_api.routes.problems import problem_response, validation_refusal
from tenantry_api.services import Services
from tenantry_api.web.rendering import render

__all__ = ["install"]

_BODY_TOO_LARGE = Refusal(
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "RESOURCE_LIMIT_EXCEEDED", "body_too_large", "No call takes so large a body."
)

# Seconds: a door finds its database, or its disk, within a second of their return.
_RETRY_AFTER = "2"

_log = structlog.get_logger(__name__)


def install(app: FastAPI) -> None:
    app.add_exception_handler(Refused, _on_refused)
    app.add_exception_handler(SignInError, _on_sign_in_error)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(RecordUnavailable, _on_record_unavailable)
    for error in DATABASE_ERRORS:
        app.add_exception_handler(error, _on_database_error)
    app.add_exception_handler(Exception, _on_mistake)


async def _on_refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    headers = {name.decode(): value.decode() for name, value in error.headers}
    if error.refusal.status == HTTPStatus.SEE_OTHER:
        return Response(status_code=HTTPStatus.SEE_OTHER, headers=headers)
    return await _refuse(request, error.refusal, headers, error.decision)


async def _on_sign_in_error(request: Request, error: Exception) -> Response:
    """Raised by a page; the failed sign-in is on record already."""
    assert isinstance(error, SignInError)
    return _answer(request, Refusal(400, "UNAUTHENTICATED", error.reason, error.message), {})


async def _on_http_exception(request: Request, error: Exception) -> Response:
    """What the framework raises: no such address, no such method, too large a body."""
    assert isinstance(error, HTTPException)
    why = _BODY_TOO_LARGE if error.status_code == _BODY_TOO_LARGE.status else _unknown(request, error.status_code)
    return await _refuse(request, why, dict(error.headers or {}))


def _unknown(request: Request, status: int) -> Refusal:
    message = f"There is nothing at {request.method} {request.url.path}. The API is described in /api/v1/openapi.json."
    return Refusal(status, "ENDPOINT_NOT_FOUND", "address_unknown", message)


async def _on_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return await _refuse(request, validation_refusal(error.errors()), {})


async def _on_record_unavailable(request: Request, _error: Exception) -> Response:
    return _answer(request, record_unavailable().refusal, {})


async def _on_database_error(request: Request, error: Exception) -> Response:
    _log.warning("database_unavailable", path=request.url.path, error=repr(error))
    return await _refuse(request, refusals.IDENTITY_UNAVAILABLE, {})


async def _on_mistake(request: Request, _error: Exception) -> Response:
    """Starlette raises the error again after the answer, so that the server logs it. Its id has to be added here: the
    middleware that does it has gone by.
    """
    services: Services = request.app.state.services
    door: Door = request.app.state.door
    own, why = Journal.of(request, services.recorder).id, internal_error().refusal
    headers = {"X-Tenantry-Request-Id": str(own)}
    try:
        if await door.failed(own, why.status):
            return _answer(request, why, headers)
    except RecordUnavailable:
        return _answer(request, record_unavailable().refusal, headers)
    return await _refuse(request, why, headers)


async def _refuse(
    request: Request, why: Refusal, headers: dict[str, str], decision: Decision | None = None
) -> Response:
    services: Services = request.app.state.services
    workspace = request.path_params.get("workspace")
    known = workspace if workspace and services.snapshot.has_workspace(workspace) else None
    try:
        await Journal.of(request, services.recorder).refused(request, why, known, decision)
    except RecordUnavailable:
        why = record_unavailable().refusal
    return _answer(request, why, headers)


def _answer(request: Request, why: Refusal, headers: dict[str, str]) -> Response:
    if why.status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers = {"Retry-After": _RETRY_AFTER, **headers}
    if request.url.path.startswith("/api/"):
        return problem_response(why, headers)
    page = render(request, "trouble.html", status=why.status, why=why, title=HTTPStatus(why.status).phrase)
    page.headers.update(headers)
    return page
