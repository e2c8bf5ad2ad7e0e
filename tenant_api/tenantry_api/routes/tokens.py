"""My tokens. An ID token of the issuer may create one (and do nothing else): that is how a shell signs in."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from tenantry_api.errors import Refused
from tenantry_api.facts import Permission, TokenScope
from tenantry_api.identify.credentials import read_bearer
from tenantry_api.identify.oidc import SignInError
from tenantry_api.identify.refusals import unauthenticated
from tenantry_api.identify.tokens import Token
from tenantry_api.routes.dependencies import Call, CallOf, JournalOf, ServicesOf, call, noticed
from tenantry_api.routes.entering import enter_by_id_token
from tenantry_api.routes.fields import Words
from tenantry_api.routes.issuing import create_token, own_tokens, revoke_token
from tenantry_api.routes.resources import ScopeView, scope_view

__all__ = ["router"]

router = APIRouter(tags=["tokens"])

# A JWS in compact form (RFC 7515) has two dots; a token of ours has none.
_DOTS_OF_A_JWT = 2


class TokenRequest(BaseModel):
    """What the token shall be bound to; it never adds to what its owner may do."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Words = Field(min_length=1, max_length=100, description="For you, to tell your tokens apart.")
    workspace: str | None = Field(default=None, description="Bind the token to this workspace.")
    project: str | None = Field(default=None, description="Bind the token to this project of the workspace.")
    permissions: list[Permission] | None = Field(
        default=None, min_length=1, description="Bind the token to these permissions."
    )
    expires_at: AwareDatetime | None = Field(default=None, description="At most 366 days ahead; 30 days if left out.")

    @model_validator(mode="after")
    def _project_needs_workspace(self) -> TokenRequest:
        if self.project is not None and self.workspace is None:
            raise ValueError("project: name its workspace too")
        return self

    @property
    def scope(self) -> TokenScope:
        permissions = None if self.permissions is None else frozenset(self.permissions)
        return TokenScope(self.workspace, self.project, permissions)


class TokenView(BaseModel):
    id: UUID
    name: str
    scope: ScopeView
    created_at: datetime
    expires_at: datetime
    # To within a few seconds.
    last_used_at: datetime | None
    revoked_at: datetime | None


class Tokens(BaseModel):
    tokens: list[TokenView]


class CreatedToken(BaseModel):
    """`token` is shown in this answer and never again."""

    id: UUID
    token: str
    name: str
    scope: ScopeView
    expires_at: datetime


async def creator(request: Request, services: ServicesOf, journal: JournalOf) -> Call:
    """The caller as anywhere else, or the person of an ID token of the issuer."""
    bearer = read_bearer(request.scope["headers"])
    if bearer is None or bearer.count(".") != _DOTS_OF_A_JWT or services.identifier.workloads.names(bearer):
        return await call(request, services, journal)
    try:
        me = await enter_by_id_token(services, journal, bearer)
    except SignInError as error:
        raise Refused(unauthenticated(error.reason, error.message)) from error
    return Call(services, journal, me)


Creator = Annotated[Call, Depends(creator)]


@router.get("/tokens")
async def list_tokens(call: Annotated[Call, Depends(noticed("api.tokens"))]) -> Tokens:
    """The caller's own, newest first, revoked and expired ones too."""
    return Tokens(tokens=[_view(token) for token in await own_tokens(call)])


@router.post("/tokens", status_code=201)
async def post_token(wanted: TokenRequest, response: Response, call: Creator) -> CreatedToken:
    """Create a token."""
    issued = await create_token(call, name=wanted.name, scope=wanted.scope, expires_at=wanted.expires_at)
    response.headers["Cache-Control"] = "no-store"
    return CreatedToken(
        id=issued.id,
        token=issued.secret,
        name=wanted.name,
        scope=scope_view(wanted.scope),
        expires_at=issued.wanted.expires_at,
    )


@router.delete("/tokens/{identifier}", status_code=204)
async def delete_token(identifier: UUID, call: CallOf) -> None:
    """Revoke a token. It stays in the list, with the time."""
    await revoke_token(call, identifier)


def _view(token: Token) -> TokenView:
    return TokenView(
        id=token.id,
        name=token.name,
        scope=scope_view(token.scope),
        created_at=token.created_at,
        expires_at=token.expires_at,
        last_used_at=token.last_used_at,
        revoked_at=token.revoked_at,
    )
