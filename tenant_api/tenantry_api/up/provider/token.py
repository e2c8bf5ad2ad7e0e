"""The token endpoint: codes, refresh tokens and device codes, each once (RFC 6749, 7636, 8628)."""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from hashlib import sha256

from starlette.requests import Request
from starlette.responses import JSONResponse

from tenantry_api.up.provider.authorize import new_sid, repeated
from tenantry_api.up.provider.issue import token_answer
from tenantry_api.up.provider.pages import provider_of
from tenantry_api.up.provider.state import CLIENT_ID, Provider, SignedIn

__all__ = ["token"]


class _Refused(Exception):  # noqa: N818  # an answer of the protocol, not an error of ours
    def __init__(self, error: str, description: str = "") -> None:
        super().__init__(error)
        self.body = {"error": error} | ({"error_description": description} if description else {})


async def token(request: Request) -> JSONResponse:
    provider, form = provider_of(request), await request.form()
    headers = {"Cache-Control": "no-store"}
    try:
        signed_in = _redeem(provider, {key: str(value) for key, value in form.items()}, repeats=repeated(form))
    except _Refused as refused:
        return JSONResponse(refused.body, 400, headers)
    return JSONResponse(token_answer(provider, signed_in), headers=headers)


def _redeem(provider: Provider, form: Mapping[str, str], *, repeats: bool) -> SignedIn:
    if repeats:
        raise _Refused("invalid_request", "a parameter is repeated")
    if form.get("client_id") != CLIENT_ID:
        raise _Refused("invalid_client", f"the only client here is {CLIENT_ID!r}, and it is public")
    redeem = _GRANTS.get(form.get("grant_type", ""))
    if redeem is None:
        raise _Refused("unsupported_grant_type")
    return redeem(provider, form)


def _code(provider: Provider, form: Mapping[str, str]) -> SignedIn:
    taken = provider.codes.take(form.get("code", ""))
    if taken is None:
        raise _Refused("invalid_grant", "the code is unknown, expired or used")
    authorization, signed_in = taken
    if form.get("redirect_uri") != authorization.redirect_uri:
        raise _Refused("invalid_grant", "the redirect URI is not that of the authorization request")
    _check_verifier(authorization.code_challenge, form)
    return signed_in


def _refresh(provider: Provider, form: Mapping[str, str]) -> SignedIn:
    signed_in = provider.refresh.take(form.get("refresh_token", ""))
    if signed_in is None:
        raise _Refused("invalid_grant", "the refresh token is unknown, expired or used")
    return SignedIn(signed_in.user, signed_in.sid)


def _device(provider: Provider, form: Mapping[str, str]) -> SignedIn:
    key = form.get("device_code", "")
    device = provider.devices.get(key)
    if device is None:
        raise _Refused("expired_token")
    if device.denied:
        raise _Refused("access_denied")
    if device.user is None:
        raise _Refused("authorization_pending")
    if device.code_challenge is not None:
        _check_verifier(device.code_challenge, form)
    provider.devices.take(key)
    return SignedIn(device.user, new_sid())


def _check_verifier(challenge: str, form: Mapping[str, str]) -> None:
    hashed = sha256(form.get("code_verifier", "").encode()).digest()
    if not hmac.compare_digest(urlsafe_b64encode(hashed).rstrip(b"="), challenge.encode()):
        raise _Refused("invalid_grant", "the code verifier does not fit the challenge")


_GRANTS: Mapping[str, Callable[[Provider, Mapping[str, str]], SignedIn]] = {
    "authorization_code": _code,
    "refresh_token": _refresh,
    "urn:ietf:params:oauth:grant-type:device_code": _device,
}
