"""What the provider knows while it runs, and the values in it."""

from __future__ import annotations

from dataclasses import dataclass, field

from joserfc.jwk import ECKey

from tenantry_api.up.provider.expiring import Expiring
from tenantry_api.up.provider.settings import User

__all__ = ["CLIENT_ID", "CODE_LIFETIME", "TOKEN_LIFETIME", "Authorization", "Device", "Provider", "SignedIn"]

CLIENT_ID = "tenantry"

# Seconds.
CODE_LIFETIME = 60.0
REQUEST_LIFETIME = 600.0
TOKEN_LIFETIME = 300.0
REFRESH_LIFETIME = 43_200.0


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A user who was picked, and for what: `sid` names the provider's session in ID tokens and at its end."""

    user: User
    sid: str
    nonce: str | None = None


@dataclass(frozen=True, slots=True)
class Authorization:
    """A valid authorization request. `browser` is in a cookie of the browser that made it."""

    redirect_uri: str
    code_challenge: str
    state: str | None
    nonce: str | None
    browser: str = ""


@dataclass(frozen=True, slots=True)
class Device:
    """A device that waits. `user_code` is what its person types; `user` who approved, `denied` that nobody will."""

    user_code: str
    code_challenge: str | None
    user: User | None = None
    denied: bool = False


@dataclass(frozen=True, slots=True)
class Provider:
    """Its fixed sides, and five collections that empty themselves."""

    issuer: str
    client_url: str
    key: ECKey
    users: dict[str, User]
    requests: Expiring[Authorization] = field(default_factory=lambda: Expiring(REQUEST_LIFETIME))
    codes: Expiring[tuple[Authorization, SignedIn]] = field(default_factory=lambda: Expiring(CODE_LIFETIME))
    access: Expiring[SignedIn] = field(default_factory=lambda: Expiring(TOKEN_LIFETIME))
    refresh: Expiring[SignedIn] = field(default_factory=lambda: Expiring(REFRESH_LIFETIME))
    devices: Expiring[Device] = field(default_factory=lambda: Expiring(REQUEST_LIFETIME))

    @property
    def redirect_uri(self) -> str:
        return f"{self.client_url}/callback"

    @property
    def logout_redirect_uri(self) -> str:
        return f"{self.client_url}/"

    def end(self, sid: str) -> None:
        """Forget every token of this session."""
        for tokens in (self.access, self.refresh):
            tokens.drop(lambda signed_in: signed_in.sid == sid)
