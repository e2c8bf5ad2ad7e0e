"""A cluster's keys, and the ServiceAccount tokens that it would sign with them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

__all__ = ["AUDIENCE", "CLUSTER", "Signer", "claims_of", "new_ec_signer", "new_rsa_signer"]

CLUSTER = "https://kubernetes.default.svc.cluster.local"
AUDIENCE = "https://tracking.example.org"


@dataclass(frozen=True)
class Signer:
    """One key of the cluster. `public` is what the operator publishes of it."""

    kid: str
    key: RSAKey | ECKey
    algorithm: str
    public: Mapping[str, object] = field(init=False)

    def __post_init__(self) -> None:
        published = {**self.key.as_dict(private=False), "kid": self.kid, "use": "sig", "alg": self.algorithm}
        object.__setattr__(self, "public", published)

    def token(self, claims: Mapping[str, Any] | None = None, **header: object) -> str:
        head = {"alg": self.algorithm, "kid": self.kid, **header}
        return jwt.encode(head, dict(claims_of() if claims is None else claims), self.key)


def new_rsa_signer(kid: str = "rsa-1") -> Signer:
    return Signer(kid, RSAKey.generate_key(2048), "RS256")


def new_ec_signer(kid: str = "ec-1") -> Signer:
    return Signer(kid, ECKey.generate_key("P-256"), "ES256")


def claims_of(
    namespace: str = "train",
    name: str = "runner",
    *,
    audience: str = AUDIENCE,
    at: int | None = None,
    lifetime: int = 3600,
    **changed: object,
) -> dict[str, Any]:
    """What Kubernetes 1.36 puts into a projected token, `at` this time. A change to None leaves the claim out."""
    now = int(time.time()) if at is None else at
    told = {
        "aud": [audience],
        "exp": now + lifetime,
        "iat": now,
        "iss": CLUSTER,
        "jti": "5f3e9a2c-6c1f-4d53-9f0e-1d2a3b4c5d6e",
        "kubernetes.io": {
            "namespace": namespace,
            "node": {"name": "node-1", "uid": "a1e1c9a0-0000-4000-8000-000000000001"},
            "pod": {"name": "train-7", "uid": "a1e1c9a0-0000-4000-8000-000000000002"},
            "serviceaccount": {"name": name, "uid": "a1e1c9a0-0000-4000-8000-000000000003"},
            "warnafter": now + 3607,
        },
        "nbf": now,
        "sub": f"system:serviceaccount:{namespace}:{name}",
    } | changed
    return {claim: value for claim, value in told.items() if value is not None}
