"""The issuer: its metadata, its keys, and what we believe of an ID token. Any OpenID Connect provider will do.

Believed is a token that is signed by one of the issuer's current keys with an asymmetric algorithm, made by this
issuer for this client, not expired, and (in a sign-in) carrying the nonce that we sent.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx2
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError

from tenantry_api.identify.people import Person

__all__ = ["ALGORITHMS", "Claims", "Client", "Issuer", "Metadata", "SignInError"]

# Asymmetric only: with HS256 the client's secret, or a public key taken for one, could sign.
ALGORITHMS = ("ES256", "ES384", "ES512", "Ed25519", "EdDSA", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512")

TIMEOUT = 10.0  # seconds, for each request to the issuer
_METADATA_AGE = 3600.0
# After a key that the issuer did not have, so that invented key ids cannot make us ask without end.
_REFRESH_PAUSE = 10.0
_LEEWAY = 30  # seconds that the issuer's clock may differ from ours
_SHELL_AGE = 600  # seconds between an ID token's making and a shell's use of it


class SignInError(Exception):
    """`reason` is the stable word for records, `message` tells a person what to do."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


@dataclass(frozen=True, slots=True)
class Client:
    """What we are to the issuer. Without a secret we are a public client; PKCE is used either way."""

    issuer: str
    client_id: str
    client_secret: SecretStr | None
    redirect_uri: str


@dataclass(frozen=True, slots=True)
class Claims:
    """What we keep of an ID token; `session` is the issuer's own session (`sid`)."""

    person: Person
    session: str | None


class Metadata(BaseModel):
    """What we use of OpenID Provider Metadata (OpenID Connect Discovery 1.0, section 3)."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    end_session_endpoint: str | None = None
    device_authorization_endpoint: str | None = None
    scopes_supported: tuple[str, ...] = ("openid", "email", "profile")


class Issuer:
    """Asked on first use, so that we start while it is down; remembered after."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self._metadata: tuple[float, Metadata] | None = None
        self._keys: KeySet | None = None
        self._refreshing = asyncio.Lock()
        self._refused_until = 0.0

    async def metadata(self) -> Metadata:
        if self._metadata is None or time.monotonic() - self._metadata[0] > _METADATA_AGE:
            self._metadata = (time.monotonic(), await self._discover())
        return self._metadata[1]

    async def verify(self, id_token: str, nonce: str) -> Claims:
        """Raise `SignInError` unless the token is to be believed, and is the one that this sign-in waits for."""
        return _claims(await self._believed(id_token, nonce))

    async def verify_of_shell(self, id_token: str) -> Claims:
        """Raise `SignInError` unless the token is to be believed, new, and made by the device flow."""
        claims = await self._believed(id_token, None)
        # A browser's has our nonce. It also travels in the address that signs out, so it is worth nothing here.
        if "nonce" in claims:
            raise SignInError("id_token_of_browser", "This ID token is of a browser's sign-in; use `tenantry login`.")
        if claims["iat"] < time.time() - _SHELL_AGE:
            raise SignInError("id_token_old", "This ID token was made a while ago; use `tenantry login` again.")
        return _claims(claims)

    async def _believed(self, id_token: str, nonce: str | None) -> Mapping[str, Any]:
        try:
            claims = (await self._decode(id_token)).claims
            self._registry(nonce).validate(claims)
        except (JoseError, ValueError) as error:
            raise SignInError("id_token_invalid", f"The issuer's ID token is not valid: {error}.") from error
        if "azp" in claims and claims["azp"] != self.client.client_id:
            raise SignInError("id_token_invalid", "The issuer's ID token was made for another client (azp).")
        return claims

    async def _discover(self) -> Metadata:
        url = f"{self.client.issuer.rstrip('/')}/.well-known/openid-configuration"
        try:
            metadata = Metadata.model_validate(await _get_json(url))
        except ValidationError as error:
            raise SignInError("issuer_unusable", f"The discovery document at {url} lacks fields: {error}.") from error
        if metadata.issuer != self.client.issuer:
            message = (
                f"{url} names the issuer {metadata.issuer!r}; set TENANTRY_OIDC_ISSUER to exactly that if it is right."
            )
            raise SignInError("issuer_mismatch", message)
        return metadata

    async def _decode(self, id_token: str) -> jwt.Token:
        keys = self._keys or await self._refresh(None)
        try:
            return jwt.decode(id_token, keys, algorithms=ALGORITHMS)
        except InvalidKeyIdError:
            # The issuer may have a new key since we last asked.
            return jwt.decode(id_token, await self._refresh(keys), algorithms=ALGORITHMS)

    async def _refresh(self, seen: KeySet | None) -> KeySet:
        """Fetch the keys once, however many wait for it; `seen` are those in which a key was not found."""
        async with self._refreshing:
            if self._keys is not None and (self._keys is not seen or time.monotonic() < self._refused_until):
                return self._keys
            self._refused_until = time.monotonic() + (_REFRESH_PAUSE if seen is not None else 0)
            self._keys = _key_set(await _get_json((await self.metadata()).jwks_uri))
            return self._keys

    def _registry(self, nonce: str | None) -> jwt.JWTClaimsRegistry:
        options: dict[str, Any] = {
            "iss": {"essential": True, "value": self.client.issuer},
            "aud": {"essential": True, "value": self.client.client_id},
            "sub": {"essential": True},
            "exp": {"essential": True},
            "iat": {"essential": True},
        }
        if nonce is not None:
            options["nonce"] = {"essential": True, "value": nonce}
        return jwt.JWTClaimsRegistry(leeway=_LEEWAY, **options)


async def _get_json(url: str) -> Any:
    try:
        async with httpx2.AsyncClient(timeout=TIMEOUT) as client:
            answer = await client.get(url)
            answer.raise_for_status()
            return answer.json()
    except (httpx2.HTTPError, ValueError) as error:
        message = f"The sign-in provider does not answer at {url} ({type(error).__name__}); try again in a moment."
        raise SignInError("issuer_unavailable", message) from error


def _key_set(document: Mapping[str, Any]) -> KeySet:
    """Keys for other uses and of kinds that we do not know are left out, not an error."""
    usable = [key for key in document.get("keys", []) if key.get("use", "sig") == "sig" and key.get("kty") != "oct"]
    if not usable:
        raise SignInError("issuer_unusable", "The issuer publishes no key to check signatures with.")
    return KeySet.import_key_set({"keys": usable})


def _claims(claims: Mapping[str, Any]) -> Claims:
    email = claims.get("email")
    if not isinstance(email, str) or not email:
        message = "The issuer's ID token has no e-mail address: have it put the claim `email` into ID tokens."
        raise SignInError("email_missing", message)
    # Some issuers write the boolean as a string. Those that say nothing of it answer for their addresses themselves.
    if claims.get("email_verified", True) not in {True, "true"}:
        raise SignInError("email_unverified", "Confirm your e-mail address with the sign-in provider, then try again.")
    groups = claims.get("groups") or []
    if not isinstance(groups, list):
        raise SignInError("groups_malformed", "The issuer's claim `groups` is not a list of names.")
    person = Person(
        issuer=claims["iss"],
        subject=claims["sub"],
        # Manifests hold addresses in lower case alone: a deny must not miss its person over a capital letter.
        email=email.lower(),
        name=str(claims.get("name") or email),
        groups=frozenset(str(group) for group in groups),
    )
    session = claims.get("sid")
    return Claims(person, session if isinstance(session, str) else None)
