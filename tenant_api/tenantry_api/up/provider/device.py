"""The device flow: a program in a shell shows a code, its person types it here and picks a user (RFC 8628)."""

from __future__ import annotations

import hmac
import secrets
from dataclasses import replace

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tenantry_api.up.provider.authorize import CHALLENGE
from tenantry_api.up.provider.pages import page, provider_of, trouble
from tenantry_api.up.provider.state import CLIENT_ID, Device, Provider

__all__ = ["approve", "device_authorization", "enter_code"]

# Without vowels, so that no words come of it, and without what looks like something else.
_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"
_INTERVAL = 1  # seconds between two questions of the device

_COOKIE = "tenantry_provider_device"


async def device_authorization(request: Request) -> Response:
    """`code_challenge` is optional here; with it, the device has to show the verifier as well."""
    provider, form = provider_of(request), await request.form()
    challenge = str(form["code_challenge"]) if "code_challenge" in form else None
    if form.get("client_id") != CLIENT_ID:
        return JSONResponse({"error": "invalid_client"}, 400)
    if challenge is not None and not (CHALLENGE.fullmatch(challenge) and form.get("code_challenge_method") == "S256"):
        return JSONResponse({"error": "invalid_request", "error_description": "code_challenge must be S256"}, 400)
    device = Device(_user_code(), challenge)
    return JSONResponse(_answer(provider, provider.devices.add(device), device), headers={"Cache-Control": "no-store"})


async def enter_code(request: Request) -> Response:
    provider = provider_of(request)
    return _page(provider, _normal(request.query_params.get("user_code", "")))


async def approve(request: Request) -> Response:
    provider, form = provider_of(request), await request.form()
    if not hmac.compare_digest(str(form.get("csrf", "")).encode(), request.cookies.get(_COOKIE, "-").encode()):
        return trouble(provider, "This page is too old, or another browser's: open the address again.")
    code = _normal(str(form.get("user_code", "")))
    found = provider.devices.find(lambda device: device.user_code == code and device.user is None and not device.denied)
    if found is None:
        return _page(provider, code, mistake="No device waits with this code. Compare it with what the device shows.")
    key, device = found
    user = provider.users.get(str(form.get("user", "")))
    provider.devices.replace(key, replace(device, user=user, denied=user is None))
    return page(provider, "device_done.html", user=user)


def _page(provider: Provider, code: str, mistake: str = "") -> Response:
    csrf = secrets.token_urlsafe(32)
    response = page(provider, "device.html", users=provider.users.values(), user_code=code, csrf=csrf, mistake=mistake)
    response.set_cookie(_COOKIE, csrf, path="/device", httponly=True, samesite="strict")
    return response


def _answer(provider: Provider, key: str, device: Device) -> dict[str, object]:
    uri = f"{provider.issuer}/device"
    return {
        "device_code": key,
        "expires_in": int(provider.devices.lifetime),
        "interval": _INTERVAL,
        "user_code": device.user_code,
        "verification_uri": uri,
        "verification_uri_complete": f"{uri}?user_code={device.user_code}",
    }


def _user_code() -> str:
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(2))


def _normal(typed: str) -> str:
    """What people make of a code: lower case, no hyphen, blanks."""
    letters = "".join(letter for letter in typed.upper() if letter in _LETTERS)
    return f"{letters[:4]}-{letters[4:]}" if letters else ""
