"""The authorization endpoint: check the request, let a person pick a user, send a code (RFC 6749, 7636, 9207)."""

from __future__ import annotations

import hmac
import re
import secrets
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from starlette.datastructures import ImmutableMultiDict
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from tenantry_api.up.provider.pages import page, provider_of, trouble
from tenantry_api.up.provider.state import CLIENT_ID, Authorization, Provider, SignedIn

__all__ = ["CHALLENGE", "authorize", "new_sid", "pick", "repeated"]

# Base64url of a SHA-256, without padding.
CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")

_COOKIE = "tenantry_provider_browser"


async def authorize(request: Request) -> Response:
    provider, query = provider_of(request), request.query_params
    if repeated(query):
        return trouble(provider, "A parameter of the authorization request is repeated.")
    if query.get("client_id") != CLIENT_ID:
        return trouble(provider, f"The client is unknown; the only one here is {CLIENT_ID!r}.")
    if query.get("redirect_uri") != provider.redirect_uri:
        return trouble(provider, f"The redirect URI is not registered; the only one here is {provider.redirect_uri}.")
    error = _fault(query)
    if error is not None:
        return _back(provider, query.get("state"), {"error": "invalid_request", "error_description": error})
    return _picker(provider, _authorization(query))


async def pick(request: Request) -> Response:
    """One user was picked. The request is used up, whatever comes of it."""
    provider, form = provider_of(request), await request.form()
    pending = provider.requests.take(str(form.get("request", "")))
    if pending is None or not hmac.compare_digest(pending.browser, request.cookies.get(_COOKIE, "")):
        return trouble(provider, "This page is too old, or another browser's: go back and sign in again.")
    user = provider.users.get(str(form.get("user", "")))
    if user is None:
        return _back(provider, pending.state, {"error": "access_denied"})
    code = provider.codes.add((pending, SignedIn(user, new_sid(), pending.nonce)))
    return _back(provider, pending.state, {"code": code})


def new_sid() -> str:
    return secrets.token_urlsafe(16)


def repeated(values: ImmutableMultiDict[Any, Any]) -> bool:
    """RFC 6749, section 3.1: parameters must not be included more than once."""
    return len(values.multi_items()) != len(values)


def _fault(query: ImmutableMultiDict[str, str]) -> str | None:
    if query.get("response_type") != "code":
        return "response_type must be code"
    if "openid" not in query.get("scope", "").split():
        return "scope must contain openid"
    if query.get("code_challenge_method") != "S256":
        return "PKCE is required: code_challenge_method must be S256"
    if not CHALLENGE.fullmatch(query.get("code_challenge", "")):
        return "PKCE is required: code_challenge must be the base64url SHA-256 of the verifier"
    return None


def _authorization(query: ImmutableMultiDict[str, str]) -> Authorization:
    return Authorization(query["redirect_uri"], query["code_challenge"], query.get("state"), query.get("nonce"))


def _picker(provider: Provider, wanted: Authorization) -> Response:
    """The form can be sent by this browser alone: the cookie's value is that of the request that the form names."""
    browser = secrets.token_urlsafe(32)
    key = provider.requests.add(replace(wanted, browser=browser))
    response = page(provider, "pick.html", users=provider.users.values(), request=key, client_url=provider.client_url)
    response.set_cookie(_COOKIE, browser, path="/authorize", httponly=True, samesite="lax")
    return response


def _back(provider: Provider, state: str | None, answer: dict[str, str]) -> Response:
    query = answer | {"iss": provider.issuer} | ({} if state is None else {"state": state})
    return RedirectResponse(f"{provider.redirect_uri}?{urlencode(query)}", 303, headers={"Cache-Control": "no-store"})
