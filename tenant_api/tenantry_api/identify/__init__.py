"""Identify: who asks? From headers to a principal, or to a refusal that says why not.

Authorization: Bearer tnt_…            MLFLOW_TRACKING_TOKEN
Authorization: Bearer eyJ…             the same, with a projected token of a Kubernetes ServiceAccount
Authorization: Basic user:<either>     MLFLOW_TRACKING_USERNAME and _PASSWORD; the name is not looked at
Cookie: __Host-tenantry_session=…      a signed-in browser; unsafe methods from our own pages only
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime
from urllib.parse import urlsplit

import structlog
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine

from tenantry_api.errors import DATABASE_ERRORS, Refused
from tenantry_api.facts import Principal, PrincipalKind, Refusal
from tenantry_api.identify import refusals
from tenantry_api.identify.credentials import Credential, Headers, TokenSecret, WorkloadToken, read_credential
from tenantry_api.identify.oidc import Client, Issuer
from tenantry_api.identify.sessions import Sessions, cookie_name
from tenantry_api.identify.sign_in import SignIn
from tenantry_api.identify.tokens import Tokens
from tenantry_api.identify.workload import Workloads

__all__ = ["CHALLENGE", "Identifier"]

# Goes with every 401 as WWW-Authenticate. Not `Basic`: browsers would open their own password window over the UI.
CHALLENGE = 'Bearer realm="tenantry"'


# Seconds between writes of `last_used_at`, and between sweeps of what has expired.
_FLUSH_EVERY = 5.0
_SWEEP_EVERY = 600.0
# Seconds. A busy database takes its time. One that hangs is noticed sooner; then only what is under way waits so long.
_PATIENCE = 10.0

_log = structlog.get_logger(__name__)


def _now() -> datetime:
    return datetime.now(UTC)


class Identifier:
    """The first step of the pipeline, and the stores behind it, which sign-in and the pages share.

    `public_url` is where browsers see us; the issuer knows `<public_url>/callback` as our redirect URI.
    `workloads` knows the programs of the cluster. `start` and `stop` run the housekeeping.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        *,
        public_url: str,
        issuer: str,
        client_id: str,
        workloads: Workloads,
        client_secret: SecretStr | None = None,
        now: Callable[[], datetime] = _now,
    ) -> None:
        parts = urlsplit(public_url)
        self.origin = f"{parts.scheme}://{parts.netloc}"
        self.cookie = cookie_name(public_url)
        self.sessions = Sessions(engine, now)
        self.tokens = Tokens(engine, now)
        client = Client(issuer, client_id, client_secret, f"{self.origin}/callback")
        self.sign_in = SignIn(engine, Issuer(client), now)
        self._issuer = issuer
        self.workloads = workloads
        self._housekeeping: asyncio.Task[None] | None = None

    async def identify(self, method: str, headers: Headers) -> Principal | Refusal:
        """Never raises for anything that a client can send, nor for a database that is down or hangs."""
        credential = read_credential(method, headers, cookie=self.cookie, origin=self.origin)
        if isinstance(credential, Refusal):
            return credential
        try:
            async with asyncio.timeout(_PATIENCE):
                found = await self._known(credential)
        except DATABASE_ERRORS:
            return refusals.IDENTITY_UNAVAILABLE
        except Refused as refused:
            return refused.refusal
        if isinstance(found, Principal) and found.kind is PrincipalKind.PERSON and found.issuer != self._issuer:
            # Grants name addresses: those of an issuer that was replaced, or of development, are nobody's here.
            return refusals.ISSUER_REPLACED
        return found

    async def _known(self, credential: Credential) -> Principal | Refusal:
        """Raises `Refused` when the catalog, and so the cluster's keys, cannot be relied on."""
        if isinstance(credential, TokenSecret):
            return await self.tokens.identify(credential.secret)
        if isinstance(credential, WorkloadToken):
            return self.workloads.identify(credential.value)
        return await self.sessions.identify(credential.value)

    def forget(self) -> None:
        """Drop what is remembered of tokens, sessions and groups: the database has news of them."""
        self.tokens.forget()
        self.sessions.forget()

    async def start(self) -> None:
        self._housekeeping = asyncio.create_task(self._keep_house(), name="identity-housekeeping")

    async def stop(self) -> None:
        if self._housekeeping is not None:
            self._housekeeping.cancel()
            with suppress(asyncio.CancelledError):
                await self._housekeeping
        await self._attempt("flush", self.tokens.flush_used)

    async def _keep_house(self) -> None:
        elapsed = 0.0
        while True:
            await asyncio.sleep(_FLUSH_EVERY)
            elapsed += _FLUSH_EVERY
            await self._attempt("flush", self.tokens.flush_used)
            if elapsed >= _SWEEP_EVERY:
                elapsed = 0.0
                await self._attempt("sweep", self.sessions.sweep)

    async def _attempt(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """Housekeeping is tried again at the next turn; nobody's request waits for it."""
        try:
            await work()
        except DATABASE_ERRORS as error:
            _log.warning("identity_housekeeping_failed", step=name, error=type(error).__name__)
