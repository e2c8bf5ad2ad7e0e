"""Errors of the API as problem documents (RFC 9457)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import Response
from pydantic import BaseModel

from tenantry_api.errors import PROBLEM_JSON, problem
from tenantry_api.facts import Refusal
from tenantry_api.identify import CHALLENGE

__all__ = ["RESPONSES", "Problem", "not_found", "problem_response", "validation_refusal"]


class Problem(BaseModel):
    """`reason` is a stable word for programs; `detail` says what to do, for people."""

    type: str
    status: int
    title: str
    detail: str
    reason: str


def _described(text: str) -> dict[str, Any]:
    return {"description": text, "content": {PROBLEM_JSON: {"schema": Problem.model_json_schema()}}}


# What any call may answer besides its own.
RESPONSES: dict[int | str, dict[str, Any]] = {
    401: _described("Nobody is signed in, or the token is not valid."),
    403: _described("The caller may not do this."),
    404: _described("There is no such thing, or none that the caller may see."),
    422: _described("A parameter or a field is wrong; the detail names it."),
    503: _described("The record or the database is away; try again."),
}


def problem_response(refusal: Refusal, headers: Mapping[str, str] | None = None) -> Response:
    title = HTTPStatus(refusal.status).phrase
    body = problem(refusal.status, title, refusal.message, reason=refusal.reason)
    challenge = {"WWW-Authenticate": CHALLENGE} if refusal.status == HTTPStatus.UNAUTHORIZED else {}
    return Response(body, refusal.status, {**challenge, **(headers or {})}, PROBLEM_JSON)


def not_found(what: str) -> Refusal:
    """The same whether it is not there or not the caller's: existence is not told."""
    message = f"There is no such {what}, or none that you may see."
    return Refusal(HTTPStatus.NOT_FOUND, "RESOURCE_DOES_NOT_EXIST", "not_found", message)


def validation_refusal(errors: Sequence[Mapping[str, Any]]) -> Refusal:
    """Each wrong field by its path, and what is wrong with it; never the value, which may be a secret."""
    told = "; ".join(
        f"{'.'.join(str(part) for part in error['loc'][1:]) or 'body'}: {error['msg']}" for error in errors
    )
    return Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "INVALID_PARAMETER_VALUE", "invalid_field", f"{told}.")


def _told(error: Mapping[str, Any]) -> str:
    return str(error["msg"]).removeprefix("Value error, ")
