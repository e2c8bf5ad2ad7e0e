"""What a client may ask or tell once somebody is signed in: who it is, and that it is over."""

from __future__ import annotations

from joserfc import jwt
from joserfc.errors import JoseError
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from tenantry_api.up.provider.issue import user_claims
from tenantry_api.up.provider.pages import page, provider_of
from tenantry_api.up.provider.state import Provider

__all__ = ["end_session", "userinfo"]


async def userinfo(request: Request) -> Response:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    signed_in = provider_of(request).access.get(token) if scheme.lower() == "bearer" else None
    if signed_in is None:
        return JSONResponse(
            {"error": "invalid_token"}, 401, headers={"WWW-Authenticate": 'Bearer error="invalid_token"'}
        )
    return JSONResponse(user_claims(signed_in.user), headers={"Cache-Control": "no-store"})


async def end_session(request: Request) -> Response:
    """OpenID Connect RP-Initiated Logout 1.0: without a valid hint nothing ends, and we redirect to nobody unknown."""
    provider, query = provider_of(request), request.query_params
    sid = _sid(provider, query.get("id_token_hint", ""))
    if sid is not None:
        provider.end(sid)
    if sid is not None and query.get("post_logout_redirect_uri") == provider.logout_redirect_uri:
        return RedirectResponse(provider.logout_redirect_uri, 303)
    return page(provider, "signed_out.html", client_url=provider.client_url)


def _sid(provider: Provider, id_token: str) -> str | None:
    """Of an expired token too: a session outlives its ID token."""
    try:
        claims = jwt.decode(id_token, provider.key, algorithms=["ES256"]).claims
    except (JoseError, ValueError):
        return None
    sid = claims.get("sid")
    return sid if isinstance(sid, str) else None
