"""Sign in at the issuer from a shell: the device authorization grant (RFC 8628), with PKCE."""

from __future__ import annotations

import secrets
import time
from base64 import urlsafe_b64encode
from hashlib import sha256

import httpx2
from pydantic import BaseModel

from tenantry_api.cli.client import fetch, stop

__all__ = ["Device", "Issuer", "id_token", "start"]

_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
_SCOPES = ("openid", "email", "profile", "groups")
_TIMEOUT = 30.0  # seconds


class Issuer(BaseModel):
    """What its discovery document says, as far as we need it."""

    token_endpoint: str
    device_authorization_endpoint: str | None = None
    scopes_supported: tuple[str, ...] = ("openid", "email", "profile")


class Device(BaseModel):
    """What the person has to open and compare; `interval` and `expires_in` are seconds."""

    device_code: str
    user_code: str
    verification_uri: str
    verification_uri_complete: str | None = None
    expires_in: float
    interval: float = 5.0


def start(issuer: str, client_id: str) -> tuple[Issuer, Device, str]:
    """Also the PKCE verifier, which only this process knows. Some issuers demand it of every flow; none minds it."""
    found = Issuer.model_validate(fetch("GET", f"{issuer.rstrip('/')}/.well-known/openid-configuration"))
    if found.device_authorization_endpoint is None:
        raise stop(f"The issuer {issuer} has no device flow: create a token on the page /tokens instead.")
    verifier = secrets.token_urlsafe(48)
    challenge = urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    form = {
        "client_id": client_id,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
        "scope": " ".join(scope for scope in _SCOPES if scope in found.scopes_supported),
    }
    answer = _post(found.device_authorization_endpoint, form)
    if "device_code" not in answer:
        raise stop(f"The issuer refused: {answer.get('error_description') or answer.get('error')}")
    return found, Device.model_validate(answer), verifier


def id_token(issuer: Issuer, device: Device, verifier: str, client_id: str) -> str:
    """Wait for the person. Stops the command when they refuse, or take too long."""
    form = {"client_id": client_id, "code_verifier": verifier, "device_code": device.device_code, "grant_type": _GRANT}
    interval, end = device.interval, time.monotonic() + device.expires_in
    while time.monotonic() < end:
        time.sleep(interval)
        answer = _post(issuer.token_endpoint, form)
        if "id_token" in answer:
            return str(answer["id_token"])
        if answer.get("error") == "slow_down":
            interval += 5  # RFC 8628, section 3.5
        elif answer.get("error") != "authorization_pending":
            raise stop(f"Not signed in: {answer.get('error_description') or answer.get('error')}")
    raise stop("Not signed in: the code has expired. Try again.")


def _post(address: str, form: dict[str, str]) -> dict[str, object]:
    """OAuth's own errors are answers too; what is not JSON is not OAuth."""
    try:
        answer = httpx2.post(address, data=form, timeout=_TIMEOUT).json()
    except (httpx2.HTTPError, ValueError) as error:
        raise stop(f"The issuer cannot be reached at {address}: {error}") from error
    return answer if isinstance(answer, dict) else {"error": "the answer is not an object"}
