"""The refusals that are the pipeline's own, and how they look to people in a browser. Pure."""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus
from urllib.parse import quote

from tenantry_api.errors import Refused
from tenantry_api.exchange import Exchange
from tenantry_api.facts import Action, Principal, Refusal, Target
from tenantry_api.identify import CHALLENGE

__all__ = [
    "CLIENT_CLOSED",
    "alias_guarded",
    "client_closed",
    "fenced",
    "for_people",
    "holder_unknown",
    "is_page_view",
    "no_grant",
    "not_found",
    "reason_required",
    "slash_missing",
    "version_mismatch",
]

# Not in any RFC; what proxies write down for a client that did not wait for its answer.
CLIENT_CLOSED = 499


def client_closed() -> Refusal:
    message = "The client closed its connection before it had sent the body."
    return Refusal(CLIENT_CLOSED, "MALFORMED_REQUEST", "client_closed", message)


def no_grant(principal: Principal, target: Target, action: Action) -> Refusal:
    """The same words for a project that does not exist: who holds nothing in it does not learn which it is."""
    message = (
        f"{principal.name} may not {action.permission.value} in {target.workspace}/{target.project}. "
        "Ask an admin of the workspace for a grant, or check the address and the token's scope."
    )
    return Refusal(HTTPStatus.FORBIDDEN, "PERMISSION_DENIED", "no_grant", message)


def not_found(target: Target) -> Refusal:
    message = f"There is no project {target.project} in workspace {target.workspace} (any more). Check the address."
    return Refusal(HTTPStatus.NOT_FOUND, "RESOURCE_DOES_NOT_EXIST", "project_not_found", message)


def fenced(target: Target) -> Refusal:
    message = (
        f"{target.workspace}/{target.project} is fenced: it refuses every request until its annotation "
        "tenantry.dev/fence is taken off."
    )
    return Refusal(HTTPStatus.FORBIDDEN, "PERMISSION_DENIED", "project_fenced", message)


def slash_missing() -> Refusal:
    """The UI's relative addresses need the slash; nothing is forwarded, so it is a refusal with a way out."""
    message = "The address of a project's UI ends with a slash."
    return Refusal(HTTPStatus.PERMANENT_REDIRECT, "ENDPOINT_NOT_FOUND", "slash_missing", message)


def version_mismatch(name: str, expected: str | None, held: str | None) -> Refusal:
    message = (
        f"{name} is at {_held(held)}, not at {expected}: look at it again, then send If-Match with what you replace."
    )
    return Refusal(HTTPStatus.PRECONDITION_FAILED, "INVALID_STATE", "version_mismatch", message)


def holder_unknown(name: str) -> Refusal:
    message = f"The project's backend does not say who holds {name}, so nothing was moved. Try again."
    return Refusal(HTTPStatus.BAD_GATEWAY, "INTERNAL_ERROR", "holder_unknown", message)


def reason_required() -> Refusal:
    message = (
        "reason: this project wants to know why this alias moves. MLflow's own call cannot say it: use "
        "PUT /api/v1/workspaces/…/projects/…/models/…/aliases/… with a reason in its body."
    )
    return Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "INVALID_PARAMETER_VALUE", "reason_required", message)


def alias_guarded(alias: str) -> Refusal:
    message = (
        f"reason: this would take the alias {alias} away, and this project wants to know why. Take it away first, with "
        "DELETE /api/v1/workspaces/…/projects/…/models/…/aliases/… and a reason in its body."
    )
    return Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "INVALID_PARAMETER_VALUE", "reason_required", message)


def _held(version: str | None) -> str:
    return "no version" if version is None else f"version {version}"


def for_people(exchange: Exchange, refused: Refused) -> Refused:
    """Where a redirect helps, a redirect: to the slash, and for a browser without a session to the sign-in page."""
    told = refused.refusal
    query = b"?" + exchange.query if exchange.query else b""
    if told.reason == "slash_missing":
        return Refused(told, headers=[(b"location", exchange.raw_path + b"/" + query)])
    if told.status == HTTPStatus.UNAUTHORIZED and is_page_view(exchange):
        here = quote(exchange.raw_path + query, safe="")
        return Refused(
            replace(told, status=HTTPStatus.SEE_OTHER), headers=[(b"location", f"/login?return_to={here}".encode())]
        )
    if told.status == HTTPStatus.UNAUTHORIZED:
        return Refused(told, headers=[(b"www-authenticate", CHALLENGE.encode())])
    return refused


def is_page_view(exchange: Exchange) -> bool:
    """Whether a person looks at the answer, in a browser."""
    return exchange.method == "GET" and any(
        name == b"accept" and b"text/html" in value for name, value in exchange.headers
    )
