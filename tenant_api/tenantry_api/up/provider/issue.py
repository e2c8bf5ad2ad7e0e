"""Make tokens, and the claims in them."""

from __future__ import annotations

import time
from typing import Any

from joserfc import jwt

from tenantry_api.up.provider.settings import User
from tenantry_api.up.provider.state import CLIENT_ID, TOKEN_LIFETIME, Provider, SignedIn

__all__ = ["token_answer", "user_claims"]


def token_answer(provider: Provider, signed_in: SignedIn) -> dict[str, object]:
    """The body of a successful token response (OpenID Connect Core 1.0, section 3.1.3.3)."""
    return {
        "access_token": provider.access.add(signed_in),
        "expires_in": int(TOKEN_LIFETIME),
        "id_token": _id_token(provider, signed_in),
        "refresh_token": provider.refresh.add(signed_in),
        "scope": "openid email profile groups",
        "token_type": "Bearer",
    }


def user_claims(user: User) -> dict[str, object]:
    """A user without groups has no claim `groups`, as with Keycloak: clients have to live with both."""
    claims: dict[str, object] = {
        "email": user.email,
        "email_verified": True,
        "name": user.name,
        "preferred_username": user.username,
        "sub": user.username,
    }
    return claims | ({"groups": list(user.groups)} if user.groups else {})


def _id_token(provider: Provider, signed_in: SignedIn) -> str:
    now = int(time.time())
    claims: dict[str, Any] = user_claims(signed_in.user) | {
        "aud": CLIENT_ID,
        "auth_time": now,
        "exp": now + int(TOKEN_LIFETIME),
        "iat": now,
        "iss": provider.issuer,
        "sid": signed_in.sid,
    }
    if signed_in.nonce is not None:
        claims["nonce"] = signed_in.nonce
    return jwt.encode({"alg": "ES256", "kid": provider.key.kid}, claims, provider.key, algorithms=["ES256"])
