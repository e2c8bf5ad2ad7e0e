"""Make and revoke tokens, for the API and for the page: the same rules, the same record.

A token that makes a token can only make a narrower one, that ends no later than itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from tenantry_api.errors import Refused
from tenantry_api.facts import INSTALLATION_LOG, Permission, Principal, PrincipalKind, Refusal, TokenScope
from tenantry_api.identify.tokens import NewToken, Token
from tenantry_api.routes.dependencies import Call
from tenantry_api.routes.problems import not_found
from tenantry_api.routes.visible import visible_projects, visible_workspaces

__all__ = ["DEFAULT_LIFETIME", "LONGEST_LIFETIME", "Issued", "create_token", "own_tokens", "revoke_token"]

DEFAULT_LIFETIME = timedelta(days=30)
LONGEST_LIFETIME = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class Issued:
    """`secret` is in this value and nowhere else."""

    id: UUID
    secret: str
    wanted: NewToken


async def own_tokens(call: Call) -> list[Token]:
    _check(_needs_unbound(call.me))
    return await call.services.identifier.tokens.of(call.me)


async def create_token(call: Call, *, name: str, scope: TokenScope, expires_at: datetime | None) -> Issued:
    """Raises `Refused` with the field that is wrong. On record before the token can be used."""
    _check(_needs_person(call.me))
    now = datetime.now(UTC)
    latest = await _latest(call, now)
    wanted = NewToken(name, scope, expires_at or min(latest, now + DEFAULT_LIFETIME))
    _check(_fault(call, wanted, now, latest))
    async with call.services.engine.begin() as connection:
        identifier, secret = await call.services.identifier.tokens.create(connection, call.me, wanted)
        log = scope.workspace or INSTALLATION_LOG
        await call.journal.notice(call.me, "identity.token_created", _details(identifier, wanted), log)
    return Issued(identifier, secret, wanted)


async def revoke_token(call: Call, identifier: UUID) -> None:
    """A bound token may revoke itself, and nothing else. At other doors it is refused within a second."""
    if str(identifier) != call.me.token_id:
        _check(_needs_unbound(call.me))
    async with call.services.engine.begin() as connection:
        found = await call.services.identifier.tokens.revoke(connection, call.me, identifier)
        _check(None if found else not_found("token"))
        await call.journal.notice(call.me, "identity.token_revoked", {"token": str(identifier)})
    call.services.identifier.forget()


def _check(why: Refusal | None) -> None:
    if why is not None:
        raise Refused(why)


async def _latest(call: Call, now: datetime) -> datetime:
    """When a token that this caller makes must end at the latest."""
    mine = [] if call.me.token_id is None else await call.services.identifier.tokens.of(call.me)
    own_end = (token.expires_at for token in mine if str(token.id) == call.me.token_id)
    return min([now + LONGEST_LIFETIME, *own_end])


def _fault(call: Call, wanted: NewToken, now: datetime, latest: datetime) -> Refusal | None:
    if wanted.expires_at <= now:
        return _wrong("expires_at: it is in the past.")
    if wanted.expires_at > latest:
        return _wrong(f"expires_at: it may be no later than {latest:%Y-%m-%dT%H:%M:%SZ}.")
    return _invisible(call, wanted.scope) or _wider(call.me.scope, wanted.scope)


def _invisible(call: Call, scope: TokenScope) -> Refusal | None:
    if scope.project is not None:
        projects = {(project.workspace, project.name) for project, _ in visible_projects(call.services, call.me)}
        return None if (scope.workspace, scope.project) in projects else not_found("project")
    workspaces = {workspace.name for workspace, _ in visible_workspaces(call.services, call.me)}
    return None if scope.workspace is None or scope.workspace in workspaces else not_found("workspace")


def _wider(own: TokenScope, wanted: TokenScope) -> Refusal | None:
    within = (
        own.workspace in {None, wanted.workspace}
        and own.project in {None, wanted.project}
        and (own.permissions is None or (wanted.permissions is not None and wanted.permissions <= own.permissions))
    )
    return None if within else _bound("A token can only make tokens that are bound to the same as itself, or to less.")


def _needs_unbound(me: Principal) -> Refusal | None:
    if me.scope == TokenScope():
        return None
    return _bound("This token is bound to a project or to permissions: sign in, or use an unbound token.")


def _needs_person(me: Principal) -> Refusal | None:
    """A token outlives the pod that would make it, and its owner is somebody who signs in."""
    if me.kind is PrincipalKind.PERSON:
        return None
    message = "A ServiceAccount makes no tokens: each of its pods has one projected, and shows that."
    return Refusal(403, "PERMISSION_DENIED", "token_of_nobody", message)


def _bound(message: str) -> Refusal:
    return Refusal(403, "PERMISSION_DENIED", "token_bound", message)


def _wrong(message: str) -> Refusal:
    return Refusal(422, "INVALID_PARAMETER_VALUE", "invalid_field", message)


def _details(identifier: UUID, wanted: NewToken) -> dict[str, str | list[str] | None]:
    permissions: frozenset[Permission] | None = wanted.scope.permissions
    return {
        "expires_at": wanted.expires_at.astimezone(UTC).isoformat(),
        "name": wanted.name,
        "permissions": None if permissions is None else sorted(permissions),
        "project": wanted.scope.project,
        "token": str(identifier),
        "workspace": wanted.scope.workspace,
    }
