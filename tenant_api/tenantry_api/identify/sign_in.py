"""The authorization code flow with PKCE, from our redirect to the issuer to its redirect back.

`state` ties the two together, and to the browser: it is also in a cookie of the browser that began, so nobody can
make a victim's browser finish a sign-in that somebody else began. `nonce` ties the ID token to it, the PKCE verifier
the code. All three are used once.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode

import httpx2
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncEngine

from tenantry_api.identify.oidc import TIMEOUT, Claims, Issuer, SignInError
from tenantry_api.identify.secrets import digest
from tenantry_catalog import tables

__all__ = ["LIFETIME", "Finished", "SignIn", "Started"]

# How long a person may take at the issuer.
LIFETIME = timedelta(minutes=10)

_SCOPES = ("openid", "email", "profile", "groups")


@dataclass(frozen=True, slots=True)
class Started:
    """Where to send the browser, and what to put into its cookie."""

    url: str
    state: str


@dataclass(frozen=True, slots=True)
class Finished:
    claims: Claims
    id_token: str
    return_to: str


@dataclass(frozen=True, slots=True)
class _Pending:
    nonce: str
    verifier: str
    return_to: str


class SignIn:
    """Raises `SignInError` for whatever a browser or the issuer did wrong, and what `DATABASE_ERRORS` lists."""

    def __init__(self, engine: AsyncEngine, issuer: Issuer, now: Callable[[], datetime]) -> None:
        self.issuer = issuer
        self._engine = engine
        self._now = now

    async def start(self, return_to: str) -> Started:
        """`return_to` must be checked: it is a path of ours."""
        metadata = await self.issuer.metadata()
        pending = _Pending(secrets.token_urlsafe(32), secrets.token_urlsafe(48), return_to)
        async with self._client(metadata.scopes_supported) as client:
            url, state = client.create_authorization_url(
                metadata.authorization_endpoint,
                state=secrets.token_urlsafe(32),
                nonce=pending.nonce,
                code_verifier=pending.verifier,
            )
        await self._keep(state, pending)
        return Started(url, state)

    async def finish(self, *, state: str, cookie: str, code: str) -> Finished:
        if not cookie or not hmac.compare_digest(state.encode(), cookie.encode()):
            raise SignInError("state_mismatch", "This sign-in was not begun in this browser: begin again.")
        pending = await self._take(state)
        if pending is None:
            raise SignInError("state_unknown", "This sign-in took too long, or was finished before: begin again.")
        id_token = await self._exchange(code, pending.verifier)
        return Finished(await self.issuer.verify(id_token, pending.nonce), id_token, pending.return_to)

    async def end_url(self, id_token: str, return_to: str) -> str:
        """Where the browser goes to end the issuer's own session (RP-Initiated Logout 1.0); else just `return_to`."""
        endpoint = (await self.issuer.metadata()).end_session_endpoint
        if endpoint is None:
            return return_to
        client_id = self.issuer.client.client_id
        query = {"id_token_hint": id_token, "client_id": client_id, "post_logout_redirect_uri": return_to}
        return f"{endpoint}?{urlencode(query)}"

    def _client(self, scopes: tuple[str, ...]) -> AsyncOAuth2Client:
        client = self.issuer.client
        secret = client.client_secret
        return AsyncOAuth2Client(
            client.client_id,
            secret.get_secret_value() if secret else None,
            token_endpoint_auth_method="client_secret_basic" if secret else "none",
            redirect_uri=client.redirect_uri,
            scope=" ".join(scope for scope in _SCOPES if scope in scopes),
            code_challenge_method="S256",
            timeout=TIMEOUT,
        )

    async def _exchange(self, code: str, verifier: str) -> str:
        metadata = await self.issuer.metadata()
        try:
            async with self._client(metadata.scopes_supported) as client:
                answer = await client.fetch_token(metadata.token_endpoint, code=code, code_verifier=verifier)
        except OAuthError as error:
            raise SignInError(
                "code_refused", f"The sign-in provider refused the code ({error.error}): begin again."
            ) from error
        except (httpx2.HTTPError, ValueError) as error:
            raise SignInError(
                "issuer_unavailable", "The sign-in provider does not answer; try again in a moment."
            ) from error
        id_token = answer.get("id_token")
        if not isinstance(id_token, str):
            raise SignInError(
                "id_token_missing", "The sign-in provider sent no ID token: is the scope `openid` allowed?"
            )
        return id_token

    async def _keep(self, state: str, pending: _Pending) -> None:
        table = tables.sign_in
        async with self._engine.begin() as connection:
            await connection.execute(delete(table).where(table.c.created_at < self._now() - LIFETIME))
            await connection.execute(
                table.insert().values(
                    state_hash=digest(state),
                    nonce=pending.nonce,
                    verifier=pending.verifier,
                    return_to=pending.return_to,
                )
            )

    async def _take(self, state: str) -> _Pending | None:
        """Read and delete in one statement, so that a replayed redirect finds nothing."""
        table = tables.sign_in
        statement = delete(table).where(table.c.state_hash == digest(state)).returning(*table.c)
        async with self._engine.begin() as connection:
            row = (await connection.execute(statement)).one_or_none()
        if row is None or row.created_at < self._now() - LIFETIME:
            return None
        return _Pending(row.nonce, row.verifier, row.return_to)
