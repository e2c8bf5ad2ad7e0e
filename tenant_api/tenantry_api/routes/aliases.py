"""Move a model's alias, knowing which version it replaces: the safe form of what the stock client does."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Header, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from tenantry_api.errors import Refused
from tenantry_api.exchange import Call as DoorCall
from tenantry_api.facts import Refusal, Target
from tenantry_api.perform import Promoted
from tenantry_api.pipeline import Door
from tenantry_api.promote import NO_HOLDER, Move, Terms
from tenantry_api.routes.dependencies import CallOf
from tenantry_api.routes.fields import Words
from tenantry_api.routes.problems import Problem, problem_response

__all__ = ["router"]

router = APIRouter(tags=["models"])

_PATH = "/workspaces/{workspace}/projects/{project}/models/{name}/aliases/{alias}"
_TAG = re.compile(rf'(?:"(?P<quoted>[1-9][0-9]*|{NO_HOLDER})"|(?P<bare>[1-9][0-9]*|{NO_HOLDER}))')
_RESPONSES: dict[int | str, dict[str, Any]] = {
    412: {"model": Problem, "description": "The alias is at another version than If-Match says."}
}


class MoveRequest(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    version: str = Field(pattern=r"^[1-9][0-9]*$", description="The version that the alias shall name.")
    reason: Words | None = Field(default=None, min_length=1, max_length=1000, description="Why; goes on record.")


class RemoveRequest(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    reason: Words | None = Field(default=None, min_length=1, max_length=1000, description="Why; goes on record.")


class AliasView(BaseModel):
    """Null: the alias named no version."""

    model: str
    alias: str
    version: str | None
    previous_version: str | None


def _expected(
    if_match: Annotated[str | None, Header(description='The version that is replaced, `"3"`, or `"none"`.')] = None,
) -> str | None:
    if if_match is None:
        return None
    found = _TAG.fullmatch(if_match.strip())
    if found is None:
        message = f'If-Match: send one version in quotes, such as "3", or "{NO_HOLDER}".'
        raise Refused(Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "INVALID_PARAMETER_VALUE", "invalid_field", message))
    return found["quoted"] or found["bare"]


_Expected = Annotated[str | None, Depends(_expected)]


@dataclass(frozen=True, slots=True)
class _Pointer:
    """The alias that the path names, and what the caller expects it to be at."""

    target: Target
    model: str
    alias: str
    expected: str | None


def _pointer(workspace: str, project: str, name: str, alias: str, *, expected: _Expected) -> _Pointer:
    return _Pointer(Target(workspace, project, "/"), name, alias, expected)


_PointerOf = Annotated[_Pointer, Depends(_pointer)]


@router.put(_PATH, responses=_RESPONSES, response_model=AliasView)
async def put_alias(request: Request, call: CallOf, pointer: _PointerOf, wanted: MoveRequest) -> Response:
    """Point the alias to a version. Of two callers that replace the same version, one gets 412."""
    return await _promote(request, call, pointer, wanted.version, wanted.reason)


@router.delete(_PATH, responses=_RESPONSES, response_model=AliasView)
async def delete_alias(
    request: Request, call: CallOf, pointer: _PointerOf, wanted: RemoveRequest | None = None
) -> Response:
    """Take the alias away."""
    return await _promote(request, call, pointer, None, wanted.reason if wanted else None)


async def _promote(
    request: Request, call: CallOf, pointer: _Pointer, version: str | None, reason: str | None
) -> Response:
    door: Door = request.app.state.door
    journal = call.journal
    asked = DoorCall(journal.id, datetime.now(UTC), request.method, request.url.path, journal.client)
    move = Move(pointer.model, "alias", pointer.alias, version)
    promoted = await door.promote(asked, call.me, pointer.target, move, Terms(pointer.expected, reason))
    if isinstance(promoted, Refusal):
        return problem_response(promoted)
    if promoted.reply.status != HTTPStatus.OK:
        return problem_response(_failure(promoted))
    view = AliasView(model=move.model, alias=move.name, version=promoted.after, previous_version=promoted.before)
    return JSONResponse(view.model_dump(), headers={"ETag": f'"{promoted.after or NO_HOLDER}"'})


def _failure(promoted: Promoted) -> Refusal:
    """The backend's own error, or our 412; both in MLflow's shape."""
    try:
        told = orjson.loads(promoted.reply.body)
        code, message = str(told["error_code"]), str(told["message"])
    except (ValueError, KeyError, TypeError):
        code, message = "INTERNAL_ERROR", "The project's backend gave no reason."
    conflict = promoted.reply.status == HTTPStatus.PRECONDITION_FAILED
    return Refusal(promoted.reply.status, code, "version_mismatch" if conflict else "backend_refused", message)
