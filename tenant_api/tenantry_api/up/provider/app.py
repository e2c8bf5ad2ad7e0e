"""The provider's addresses."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from tenantry_api.up.provider.authorize import authorize, pick
from tenantry_api.up.provider.device import approve, device_authorization, enter_code
from tenantry_api.up.provider.pages import provider_of, style
from tenantry_api.up.provider.state import Provider
from tenantry_api.up.provider.token import token
from tenantry_api.up.provider.userinfo import end_session, userinfo

__all__ = ["make_app"]


def make_app(provider: Provider) -> Starlette:
    # Another name for a loopback address is another site's way in (DNS rebinding).
    host = urlsplit(provider.issuer).hostname or ""
    app = Starlette(routes=_ROUTES, middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=[host])])
    app.state.provider = provider
    return app


async def _discovery(request: Request) -> JSONResponse:
    issuer = provider_of(request).issuer
    return JSONResponse(
        {
            "authorization_endpoint": f"{issuer}/authorize",
            "authorization_response_iss_parameter_supported": True,
            "claims_supported": ["aud", "email", "email_verified", "exp", "groups", "iat", "iss", "name", "sid", "sub"],
            "code_challenge_methods_supported": ["S256"],
            "device_authorization_endpoint": f"{issuer}/device_authorization",
            "end_session_endpoint": f"{issuer}/end_session",
            "grant_types_supported": [
                "authorization_code",
                "refresh_token",
                "urn:ietf:params:oauth:grant-type:device_code",
            ],
            "id_token_signing_alg_values_supported": ["ES256"],
            "issuer": issuer,
            "jwks_uri": f"{issuer}/keys",
            "response_types_supported": ["code"],
            "scopes_supported": ["openid", "email", "profile", "groups"],
            "subject_types_supported": ["public"],
            "token_endpoint": f"{issuer}/token",
            "token_endpoint_auth_methods_supported": ["none"],
            "userinfo_endpoint": f"{issuer}/userinfo",
        }
    )


async def _keys(request: Request) -> JSONResponse:
    return JSONResponse({"keys": [provider_of(request).key.as_dict(private=False)]})


_ROUTES = [
    Route("/.well-known/openid-configuration", _discovery),
    Route("/authorize", authorize),
    Route("/authorize", pick, methods=["POST"]),
    Route("/device", enter_code),
    Route("/device", approve, methods=["POST"]),
    Route("/device_authorization", device_authorization, methods=["POST"]),
    Route("/end_session", end_session),
    Route("/keys", _keys),
    Route("/style.css", style),
    Route("/token", token, methods=["POST"]),
    Route("/userinfo", userinfo, methods=["GET", "POST"]),
]
