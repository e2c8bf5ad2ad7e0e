"""Tokens of programs in the cluster: projected ServiceAccount tokens, checked with the keys that the catalog holds.

Believed is a token that is signed by a key which the catalog holds for its issuer, made for our audience, in its time,
and of one service account in two places of it (`sub` and `kubernetes.io`). The door asks the cluster nothing, so a
token lives until its own end, also when its pod is gone: grants are what is taken back at once.

Nothing is remembered of a token. A check takes 0.1 ms, and so a key that leaves the catalog is refused from then on.
"""

from __future__ import annotations

import re
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey
from pydantic import BaseModel, ConfigDict, Field, StrictInt, ValidationError

from tenantry_api.facts import Principal, PrincipalKind, Refusal
from tenantry_api.identify import refusals

__all__ = ["LEEWAY", "Keys", "Workloads", "is_workload_token"]

# By issuer and key id: public keys, as JSON Web Keys.
Keys = Mapping[tuple[str, str], Mapping[str, object]]

# Seconds that the clock of the cluster's API server may differ from ours.
LEEWAY: Final = 10

# A projected token has some 1,200 characters; a header of more than this is no request of theirs.
_LONGEST = 8_192
_SHAPE = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")
_WEAKEST_RSA = 2_048  # bits
_ALGORITHMS = frozenset({"RS256", "ES256"})

# What the tokens of old have, which are kept in Secrets and never end.
_LEGACY_ISSUER = "kubernetes/serviceaccount"


class _Unbelieved(Exception):  # noqa: N818  # a finding
    def __init__(self, why: Refusal) -> None:
        super().__init__(why.reason)
        self.why = why


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class _Header(_Part):
    """Of the token's signature. `crit` names what must be understood, and we understand no extension."""

    alg: str
    kid: str = ""
    crit: None = None


class _Named(_Part):
    name: str = Field(pattern=r"^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$")


class _Kubernetes(_Part):
    namespace: str = Field(pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")
    serviceaccount: _Named


class _Claims(_Part):
    sub: str
    aud: tuple[str, ...]
    exp: StrictInt
    nbf: StrictInt = 0
    # The token's own id, which the cluster's audit log calls it by too.
    jti: str | None = Field(default=None, max_length=253)
    kubernetes: _Kubernetes = Field(alias="kubernetes.io")


@dataclass(frozen=True, slots=True)
class _Key:
    """A published key, with the one algorithm that it may be used with."""

    published: Mapping[str, object]
    algorithm: str
    key: RSAKey | ECKey


def is_workload_token(value: str) -> bool:
    """Whether it has the shape of a JSON Web Token in its compact form. Says nothing about whether it is valid."""
    return len(value) <= _LONGEST and _SHAPE.fullmatch(value) is not None


class Workloads:
    """`keys` gives what the catalog holds now, or raises when that is not known; `audience` is ours."""

    def __init__(self, keys: Callable[[], Keys], audience: str, now: Callable[[], float] = time.time) -> None:
        self._keys = keys
        self._audience = audience
        self._now = now
        self._imported: dict[tuple[str, str], _Key] = {}

    def identify(self, token: str) -> Principal | Refusal:
        """Who shows this token, or why it is not believed. Raises what `keys` raises."""
        try:
            return self._principal(token)
        except _Unbelieved as unbelieved:
            return unbelieved.why

    def names(self, token: str) -> bool:
        """Whether the token says that it is of a cluster whose keys we have. Nobody is believed for it."""
        try:
            _, issuer = _unverified(token)
        except _Unbelieved:
            return False
        return any(known == issuer for known, _ in self._keys())

    def _principal(self, token: str) -> Principal:
        header, issuer = _unverified(token)
        key = self._key(issuer, header)
        if header.alg != key.algorithm:
            raise _Unbelieved(refusals.WORKLOAD_ALGORITHM)
        claims = _claims(_verified(token, key))
        self._check(claims)
        kubernetes = claims.kubernetes
        return Principal(
            kind=PrincipalKind.SERVICE_ACCOUNT,
            name=f"{kubernetes.namespace}/{kubernetes.serviceaccount.name}",
            issuer=issuer,
            subject=claims.sub,
            token_id=claims.jti,
        )

    def _key(self, issuer: str, header: _Header) -> _Key:
        published, kid = self._keys(), header.kid
        if all(known != issuer for known, _ in published):
            raise _Unbelieved(refusals.WORKLOAD_ISSUER_UNKNOWN)
        if header.alg not in _ALGORITHMS:
            raise _Unbelieved(refusals.WORKLOAD_ALGORITHM)
        jwk = published.get((issuer, kid))
        if jwk is None:
            raise _Unbelieved(refusals.WORKLOAD_KEY_UNKNOWN)
        known = self._imported.get((issuer, kid))
        if known is None or known.published != jwk:
            # What is published no more goes.
            self._imported = {name: key for name, key in self._imported.items() if name in published}
            known = self._imported[issuer, kid] = _imported(jwk)
        return known

    def _check(self, claims: _Claims) -> None:
        """Whom it is for, when it holds, and that it says twice whose it is."""
        now = self._now()
        if self._audience not in claims.aud:
            raise _Unbelieved(refusals.workload_audience(self._audience))
        if claims.exp + LEEWAY <= now:
            raise _Unbelieved(refusals.WORKLOAD_EXPIRED)
        if claims.nbf - LEEWAY > now:
            raise _Unbelieved(refusals.WORKLOAD_EARLY)
        kubernetes = claims.kubernetes
        if claims.sub != f"system:serviceaccount:{kubernetes.namespace}:{kubernetes.serviceaccount.name}":
            raise _Unbelieved(refusals.WORKLOAD_CLAIMS)


def _unverified(token: str) -> tuple[_Header, str]:
    """Which key is said to have signed it. Nobody is believed for it: it only chooses among keys that we trust."""
    try:
        head, body, _ = [_decoded(part) for part in token.split(".")]
        header, claims = _Header.model_validate(orjson.loads(head)), orjson.loads(body)
        issuer = claims["iss"]
    except (KeyError, TypeError, ValueError) as error:
        raise _Unbelieved(refusals.WORKLOAD_MALFORMED) from error
    if issuer == _LEGACY_ISSUER:
        raise _Unbelieved(refusals.WORKLOAD_LEGACY)
    if not isinstance(issuer, str):
        raise _Unbelieved(refusals.WORKLOAD_MALFORMED)
    return header, issuer


def _decoded(part: str) -> bytes:
    """Base64url in its one canonical spelling: a token that was changed in any character is another token."""
    decoded = urlsafe_b64decode(part + "=" * (-len(part) % 4))
    if urlsafe_b64encode(decoded).rstrip(b"=") != part.encode():
        raise ValueError("not canonical")
    return decoded


def _imported(jwk: Mapping[str, object]) -> _Key:
    """The algorithm follows from the key, never from the token: no `none`, and no public key taken for a secret."""
    try:
        match jwk:
            case {"kty": "RSA", "n": str(n), "e": str(e)} if _bits(n) >= _WEAKEST_RSA:
                return _Key(jwk, "RS256", RSAKey.import_key({"kty": "RSA", "n": n, "e": e}))
            case {"kty": "EC", "crv": "P-256", "x": str(x), "y": str(y)}:
                return _Key(jwk, "ES256", ECKey.import_key({"kty": "EC", "crv": "P-256", "x": x, "y": y}))
    except (JoseError, TypeError, ValueError) as error:
        raise _Unbelieved(refusals.WORKLOAD_KEY_UNUSABLE) from error
    raise _Unbelieved(refusals.WORKLOAD_KEY_UNUSABLE)


def _bits(number: str) -> int:
    return int.from_bytes(urlsafe_b64decode(number + "==")).bit_length()


def _verified(token: str, key: _Key) -> dict[str, Any]:
    try:
        return jwt.decode(token, key.key, algorithms=[key.algorithm]).claims
    except (JoseError, ValueError) as error:
        raise _Unbelieved(refusals.WORKLOAD_SIGNATURE) from error


def _claims(told: dict[str, Any]) -> _Claims:
    """What is used of a token that the cluster signed."""
    if "exp" not in told or "aud" not in told:
        raise _Unbelieved(refusals.WORKLOAD_LEGACY)
    aud = told["aud"]
    try:
        return _Claims.model_validate(told | {"aud": [aud] if isinstance(aud, str) else aud})
    except ValidationError as error:
        raise _Unbelieved(refusals.WORKLOAD_CLAIMS) from error
